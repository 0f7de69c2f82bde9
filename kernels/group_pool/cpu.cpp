#include <algorithm>
#include <limits>

#include "kernels/enough_work.hpp"
#include "kernels/group_pool/group_pool.hpp"
#include "kernels/parallel.hpp"
#include "kernels/pooling/pooling.hpp"
#include "kernels/registration.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

constexpr std::int64_t pixel_block = 512;

/// Calls body(o, begin, end) for every outer row and block of at most pixel_block pixels.
template <class Body>
void for_each_pixel_block(const GroupPoolProblem& p, Body&& body) {
  const std::int64_t blocks = (p.pixels + pixel_block - 1) / pixel_block;
  const std::int64_t work = std::max<std::int64_t>(1, p.elements * std::min(p.pixels, pixel_block));
  parallel_for(p.outer * blocks, 2 * enough_elements / work + 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t unit = first; unit < last; ++unit) {
      const std::int64_t begin = unit % blocks * pixel_block;
      body(unit / blocks, begin, std::min(begin + pixel_block, p.pixels));
    }
  });
}

}  // namespace

template <class T>
void group_max_forward(const GroupPoolProblem& p, const T* x, T* y, std::int64_t* index) {
  for_each_pixel_block(p, [&](std::int64_t o, std::int64_t begin, std::int64_t end) {
    const std::int64_t length = end - begin;
    T best[pixel_block];
    std::int32_t winner[pixel_block];
    for (std::int64_t coset = 0; coset < p.cosets; ++coset) {
      const auto first = static_cast<std::int32_t>(p.coset_size > 0 ? coset_member(p, coset, 0) : -1);
      std::fill(best, best + length, -std::numeric_limits<T>::infinity());
      std::fill(winner, winner + length, first);
      for (std::int64_t u = 0; u < p.coset_size; ++u) {
        const auto element = static_cast<std::int32_t>(coset_member(p, coset, u));
        const T* row = x + (o * p.elements + element) * p.pixels + begin;
        for (std::int64_t i = 0; i < length; ++i) {
          const bool better = replaces_maximum(row[i], best[i]);
          best[i] = better ? row[i] : best[i];
          winner[i] = better ? element : winner[i];
        }
      }
      const std::int64_t out = (o * p.cosets + coset) * p.pixels + begin;
      std::copy(best, best + length, y + out);
      if (index) std::copy(winner, winner + length, index + out);
    }
  });
}

template <class T>
void group_max_backward(const GroupPoolProblem& p, const T* dy, const std::int64_t* index, T* dx) {
  scatter_add_axis(p.gather(), dy, index, dx);
}

template <class T>
void group_mean_forward(const GroupPoolProblem& p, const T* x, T* y) {
  const double size = static_cast<double>(p.coset_size);
  for_each_pixel_block(p, [&](std::int64_t o, std::int64_t begin, std::int64_t end) {
    const std::int64_t length = end - begin;
    double sum[pixel_block];
    for (std::int64_t coset = 0; coset < p.cosets; ++coset) {
      std::fill(sum, sum + length, 0.0);
      for (std::int64_t u = 0; u < p.coset_size; ++u) {
        const T* row = x + (o * p.elements + coset_member(p, coset, u)) * p.pixels + begin;
        for (std::int64_t i = 0; i < length; ++i) sum[i] += static_cast<double>(row[i]);
      }
      T* out = y + (o * p.cosets + coset) * p.pixels + begin;
      for (std::int64_t i = 0; i < length; ++i) out[i] = static_cast<T>(sum[i] / size);
    }
  });
}

template <class T>
void group_mean_adjoint(const GroupPoolProblem& p, const T* dy, T* dx) {
  const T size = static_cast<T>(p.coset_size);
  for_each_pixel_block(p, [&](std::int64_t o, std::int64_t begin, std::int64_t end) {
    for (std::int64_t s = 0; s < p.elements; ++s) {
      T* row = dx + (o * p.elements + s) * p.pixels;
      std::fill(row + begin, row + end, T(0));
    }
    for (std::int64_t coset = 0; coset < p.cosets; ++coset) {
      const T* source = dy + (o * p.cosets + coset) * p.pixels;
      for (std::int64_t u = 0; u < p.coset_size; ++u) {
        T* row = dx + (o * p.elements + coset_member(p, coset, u)) * p.pixels;
        for (std::int64_t i = begin; i < end; ++i) row[i] += source[i] / size;
      }
    }
  });
}

template void group_max_forward<float>(const GroupPoolProblem&, const float*, float*, std::int64_t*);
template void group_max_forward<double>(const GroupPoolProblem&, const double*, double*, std::int64_t*);
template void group_max_backward<float>(const GroupPoolProblem&, const float*, const std::int64_t*, float*);
template void group_max_backward<double>(const GroupPoolProblem&, const double*, const std::int64_t*, double*);
template void group_mean_forward<float>(const GroupPoolProblem&, const float*, float*);
template void group_mean_forward<double>(const GroupPoolProblem&, const double*, double*);
template void group_mean_adjoint<float>(const GroupPoolProblem&, const float*, float*);
template void group_mean_adjoint<double>(const GroupPoolProblem&, const double*, double*);

namespace {
const CpuRegistration<GroupMaxForward> max_forward{"cpu", group_max_forward<float>, group_max_forward<double>};
const CpuRegistration<GroupMaxBackward> max_backward{"cpu", group_max_backward<float>, group_max_backward<double>};
const CpuRegistration<GroupMeanForward> mean_forward{"cpu", group_mean_forward<float>, group_mean_forward<double>};
const CpuRegistration<GroupMeanAdjoint> mean_adjoint{"cpu", group_mean_adjoint<float>, group_mean_adjoint<double>};
}  // namespace

}  // namespace orbitgrad::kernels::cpu
