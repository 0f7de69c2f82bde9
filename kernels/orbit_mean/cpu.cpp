#include <algorithm>

#include "kernels/orbit_mean/orbit_mean.hpp"
#include "kernels/parallel.hpp"
#include "kernels/registration.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

constexpr std::int64_t block = 512;

/// y[b, i] = 1 / divisor sum_k in[b, k][source_k[i]], where in[b, k] starts at b batch_stride + k term_stride.
template <class T>
void gathered_mean(const OrbitProblem& p, const T* in, std::int64_t batch_stride, std::int64_t term_stride, T* y) {
  const std::int64_t blocks = (p.size + block - 1) / block;
  const std::int64_t work = std::max<std::int64_t>(1, p.terms * std::min(p.size, block));
  parallel_for(p.batch * blocks, 16384 / work + 1, [&](std::int64_t first, std::int64_t last) {
    double sum[block];
    for (std::int64_t unit = first; unit < last; ++unit) {
      const std::int64_t b = unit / blocks, begin = unit % blocks * block;
      const std::int64_t length = std::min(block, p.size - begin);
      std::fill(sum, sum + length, 0.0);
      for (std::int64_t k = 0; k < p.terms; ++k) {
        const std::int32_t* source = orbit_source(p, k) + begin;
        const T* term = in + b * batch_stride + k * term_stride;
        for (std::int64_t i = 0; i < length; ++i) sum[i] += static_cast<double>(term[source[i]]);
      }
      T* out = y + b * p.size + begin;
      for (std::int64_t i = 0; i < length; ++i) out[i] = static_cast<T>(sum[i] / p.divisor);
    }
  });
}

}  // namespace

template <class T>
void orbit_mean(const OrbitProblem& p, const T* x, T* y) {
  gathered_mean(p, x, p.size, 0, y);
}

template <class T>
void twisted_mean(const OrbitProblem& p, const T* z, T* y) {
  gathered_mean(p, z, p.terms * p.size, p.size, y);
}

template <class T>
void orbit_expand(const OrbitProblem& p, const T* x, T* y) {
  parallel_for(p.batch * p.terms, 16384 / std::max<std::int64_t>(1, p.size) + 1,
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t unit = first; unit < last; ++unit) {
                   const std::int32_t* source = orbit_source(p, unit % p.terms);
                   const T* in = x + unit / p.terms * p.size;
                   T* out = y + unit * p.size;
                   for (std::int64_t i = 0; i < p.size; ++i)
                     out[i] = static_cast<T>(static_cast<double>(in[source[i]]) / p.divisor);
                 }
               });
}

template void orbit_mean<float>(const OrbitProblem&, const float*, float*);
template void orbit_mean<double>(const OrbitProblem&, const double*, double*);
template void twisted_mean<float>(const OrbitProblem&, const float*, float*);
template void twisted_mean<double>(const OrbitProblem&, const double*, double*);
template void orbit_expand<float>(const OrbitProblem&, const float*, float*);
template void orbit_expand<double>(const OrbitProblem&, const double*, double*);

namespace {
const CpuRegistration<OrbitMean> mean{"cpu", orbit_mean<float>, orbit_mean<double>};
const CpuRegistration<TwistedMean> twisted{"cpu", twisted_mean<float>, twisted_mean<double>};
const CpuRegistration<OrbitExpand> expand{"cpu", orbit_expand<float>, orbit_expand<double>};
}  // namespace

}  // namespace orbitgrad::kernels::cpu
