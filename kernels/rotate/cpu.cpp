#include <algorithm>
#include <vector>

#include "kernels/parallel.hpp"
#include "kernels/registration.hpp"
#include "kernels/rotate/rotate.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

/// Calls body(taps, offset of the plane) for every image plane; the taps are made once for all channels of an image.
template <class T, class Body>
void for_each_plane(const RotateProblem& p, Body&& body) {
  const std::int64_t area = p.height * p.width;
  parallel_for(p.batch * p.channels, 2048 / std::max<std::int64_t>(1, area) + 1,
               [&](std::int64_t first, std::int64_t last) {
                 std::vector<BilinearTaps<T>> taps(static_cast<std::size_t>(area));
                 for (std::int64_t plane = first, image = -1; plane < last; ++plane) {
                   if (plane / p.channels != image) {
                     image = plane / p.channels;
                     const double cosine = std::cos(p.angles[image]), sine = std::sin(p.angles[image]);
                     for (std::int64_t row = 0; row < p.height; ++row)
                       for (std::int64_t col = 0; col < p.width; ++col)
                         taps[static_cast<std::size_t>(row * p.width + col)] =
                             rotation_taps<T>(row, col, p.height, p.width, cosine, sine);
                   }
                   body(taps, plane * area);
                 }
               });
}

}  // namespace

template <class T>
void rotate_forward(const RotateProblem& p, const T* x, T* y) {
  for_each_plane<T>(p, [&](const std::vector<BilinearTaps<T>>& taps, std::int64_t offset) {
    const T* in = x + offset;
    T* out = y + offset;
    for (const BilinearTaps<T>& tap : taps)
      *out++ = (tap.weight[0] * in[tap.offset[0]] + tap.weight[1] * in[tap.offset[1]]) +
               (tap.weight[2] * in[tap.offset[2]] + tap.weight[3] * in[tap.offset[3]]);
  });
}

template <class T>
void rotate_adjoint(const RotateProblem& p, const T* dy, T* dx) {
  for_each_plane<T>(p, [&](const std::vector<BilinearTaps<T>>& taps, std::int64_t offset) {
    const T* in = dy + offset;
    T* out = dx + offset;
    std::fill(out, out + p.height * p.width, T(0));
    for (const BilinearTaps<T>& tap : taps) {
      const T gradient = *in++;
      for (int corner = 0; corner < 4; ++corner) out[tap.offset[corner]] += tap.weight[corner] * gradient;
    }
  });
}

template void rotate_forward<float>(const RotateProblem&, const float*, float*);
template void rotate_forward<double>(const RotateProblem&, const double*, double*);
template void rotate_adjoint<float>(const RotateProblem&, const float*, float*);
template void rotate_adjoint<double>(const RotateProblem&, const double*, double*);

namespace {
const CpuRegistration<RotateForward> forward{"cpu", rotate_forward<float>, rotate_forward<double>};
const CpuRegistration<RotateAdjoint> adjoint{"cpu", rotate_adjoint<float>, rotate_adjoint<double>};
}  // namespace

}  // namespace orbitgrad::kernels::cpu
