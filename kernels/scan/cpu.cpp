#include <algorithm>

#include "kernels/parallel.hpp"
#include "kernels/registration.hpp"
#include "kernels/scan/scan.hpp"

namespace orbitgrad::kernels::cpu {

template <class T>
void cumulative_sum(const ScanProblem& p, const T* x, T* y) {
  if (p.count() == 0) return;
  using A = ScanAccumulator<T>;
  constexpr std::int64_t tile = 64;
  const std::int64_t tiles = (p.inner + tile - 1) / tile;
  const std::int64_t work = p.size * std::min(p.inner, tile);
  parallel_for(p.outer * tiles, 16384 / work + 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t unit = first; unit < last; ++unit) {
      const std::int64_t begin = unit % tiles * tile, width = std::min(tile, p.inner - begin);
      const std::int64_t start = unit / tiles * p.size * p.inner + begin;
      if (p.inner == 1) {
        A total = 0;
        for (std::int64_t s = 0; s < p.size; ++s) {
          const std::int64_t at = start + p.place(s);
          y[at] = static_cast<T>(total += static_cast<A>(x[at]));
        }
        continue;
      }
      A sum[tile] = {};
      for (std::int64_t s = 0; s < p.size; ++s) {
        const std::int64_t row = start + p.place(s) * p.inner;
        for (std::int64_t i = 0; i < width; ++i) y[row + i] = static_cast<T>(sum[i] += static_cast<A>(x[row + i]));
      }
    }
  });
}

template void cumulative_sum<std::int64_t>(const ScanProblem&, const std::int64_t*, std::int64_t*);

namespace {
const CpuRegistration<CumulativeSum> registration{"cpu", cumulative_sum<float>, cumulative_sum<double>};
}  // namespace

template void cumulative_sum<float>(const ScanProblem&, const float*, float*);
template void cumulative_sum<double>(const ScanProblem&, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
