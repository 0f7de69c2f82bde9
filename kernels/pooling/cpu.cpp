#include <algorithm>
#include <limits>
#include <type_traits>

#include "kernels/parallel.hpp"
#include "kernels/pooling/pooling.hpp"
#include "kernels/registration.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

constexpr std::int64_t column_block = 512;

/// Calls body(plane, row) for every plane and row of an image of `rows` rows, over the threads.
template <class Body>
void for_each_row(std::int64_t planes, std::int64_t rows, std::int64_t work_per_row, Body&& body) {
  parallel_for(planes * rows, 8192 / std::max<std::int64_t>(1, work_per_row) + 1,
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t unit = first; unit < last; ++unit) body(unit / rows, unit % rows);
               });
}

/// Visits the taps of one row of windows, a tap for all output columns begin + i, i in [0, length), at a time:
/// body(from, to, first, stride) where output i in [from, to) reads input column first + (i - from) stride. The usual
/// strides are passed as constants, for the sake of the vectors.
template <class Body>
void for_each_tap(const Pool2dProblem& p, std::int64_t begin, std::int64_t length, Body&& body) {
  for (std::int64_t v = 0; v < p.kernel_w; ++v) {
    const std::int64_t shift = v - p.pad_w, last = p.width - 1 - shift;
    if (last < 0) continue;
    const std::int64_t from = std::max(begin, shift >= 0 ? 0 : (p.stride_w - 1 - shift) / p.stride_w) - begin;
    const std::int64_t to = std::min(begin + length, last / p.stride_w + 1) - begin;
    const std::int64_t first = (begin + from) * p.stride_w + shift;
    if (from >= to) continue;
    if (p.stride_w == 1)
      body(from, to, first, std::integral_constant<std::int64_t, 1>{});
    else if (p.stride_w == 2)
      body(from, to, first, std::integral_constant<std::int64_t, 2>{});
    else
      body(from, to, first, p.stride_w);
  }
}

}  // namespace

template <class T>
void max_pool2d_forward(const Pool2dProblem& p, const T* x, T* y, std::int64_t* index) {
  const std::int64_t out_height = p.out_height(), out_width = p.out_width();
  const std::int64_t work = out_width * p.kernel_h * p.kernel_w;
  for_each_row(p.planes, out_height, work, [&](std::int64_t plane_index, std::int64_t out_row) {
    const T* plane = x + plane_index * p.height * p.width;
    const std::int64_t out = (plane_index * out_height + out_row) * out_width;
    const PoolRange rows = pool_window(out_row, p.kernel_h, p.stride_h, p.pad_h, p.height);
    for (std::int64_t begin = 0; begin < out_width; begin += column_block) {
      const std::int64_t length = std::min(column_block, out_width - begin);
      T best[column_block];
      std::int32_t winner[column_block];
      std::fill(best, best + length, -std::numeric_limits<T>::infinity());
      std::fill(winner, winner + length, -1);
      for (std::int64_t row = rows.begin; row < rows.end; ++row)
        for_each_tap(p, begin, length, [&](std::int64_t from, std::int64_t to, std::int64_t first, auto stride) {
          const T* in = plane + row * p.width + first;
          const auto position = static_cast<std::int32_t>(row * p.width + first);
          for (std::int64_t i = from; i < to; ++i) {
            const T candidate = in[(i - from) * stride];
            const bool better = (winner[i] < 0) | replaces_maximum(candidate, best[i]);
            best[i] = better ? candidate : best[i];
            winner[i] = better ? position + static_cast<std::int32_t>((i - from) * stride) : winner[i];
          }
        });
      std::copy(best, best + length, y + out + begin);
      if (index) std::copy(winner, winner + length, index + out + begin);
    }
  });
}

template <class T>
void max_pool2d_backward(const Pool2dProblem& p, const T* dy, const std::int64_t* index, T* dx) {
  scatter_add_axis(p.gather(), dy, index, dx);
}

template <class T>
void average_pool2d_forward(const Pool2dProblem& p, const T* x, T* y) {
  const std::int64_t out_height = p.out_height(), out_width = p.out_width();
  const double area = static_cast<double>(p.kernel_h * p.kernel_w);
  const std::int64_t work = out_width * p.kernel_h * p.kernel_w;
  for_each_row(p.planes, out_height, work, [&](std::int64_t plane_index, std::int64_t out_row) {
    const T* plane = x + plane_index * p.height * p.width;
    T* out = y + (plane_index * out_height + out_row) * out_width;
    const PoolRange rows = pool_window(out_row, p.kernel_h, p.stride_h, p.pad_h, p.height);
    for (std::int64_t begin = 0; begin < out_width; begin += column_block) {
      const std::int64_t length = std::min(column_block, out_width - begin);
      double sum[column_block] = {};
      for (std::int64_t row = rows.begin; row < rows.end; ++row)
        for_each_tap(p, begin, length, [&](std::int64_t from, std::int64_t to, std::int64_t first, auto stride) {
          const T* in = plane + row * p.width + first;
          for (std::int64_t i = from; i < to; ++i) sum[i] += static_cast<double>(in[(i - from) * stride]);
        });
      for (std::int64_t i = 0; i < length; ++i) out[begin + i] = static_cast<T>(sum[i] / area);
    }
  });
}

template <class T>
void average_pool2d_adjoint(const Pool2dProblem& p, const T* dy, T* dx) {
  const std::int64_t out_height = p.out_height(), out_width = p.out_width();
  const double area = static_cast<double>(p.kernel_h * p.kernel_w);
  for_each_row(p.planes, p.height, p.width, [&](std::int64_t plane_index, std::int64_t row) {
    const T* plane = dy + plane_index * out_height * out_width;
    T* out = dx + (plane_index * p.height + row) * p.width;
    const PoolRange rows = pool_covering(row, p.kernel_h, p.stride_h, p.pad_h, out_height);
    std::fill(out, out + p.width, T(0));
    for (std::int64_t out_row = rows.begin; out_row < rows.end; ++out_row)
      for (std::int64_t begin = 0; begin < out_width; begin += column_block) {
        const std::int64_t length = std::min(column_block, out_width - begin);
        const T* in = plane + out_row * out_width + begin;
        for_each_tap(p, begin, length, [&](std::int64_t from, std::int64_t to, std::int64_t first, auto stride) {
          for (std::int64_t i = from; i < to; ++i)
            out[first + (i - from) * stride] += static_cast<T>(static_cast<double>(in[i]) / area);
        });
      }
  });
}

template void max_pool2d_forward<float>(const Pool2dProblem&, const float*, float*, std::int64_t*);
template void max_pool2d_forward<double>(const Pool2dProblem&, const double*, double*, std::int64_t*);
template void max_pool2d_backward<float>(const Pool2dProblem&, const float*, const std::int64_t*, float*);
template void max_pool2d_backward<double>(const Pool2dProblem&, const double*, const std::int64_t*, double*);
template void average_pool2d_forward<float>(const Pool2dProblem&, const float*, float*);
template void average_pool2d_forward<double>(const Pool2dProblem&, const double*, double*);
template void average_pool2d_adjoint<float>(const Pool2dProblem&, const float*, float*);
template void average_pool2d_adjoint<double>(const Pool2dProblem&, const double*, double*);

namespace {
const CpuRegistration<MaxPool2dForward> max_forward{"cpu", max_pool2d_forward<float>, max_pool2d_forward<double>};
const CpuRegistration<MaxPool2dBackward> max_backward{"cpu", max_pool2d_backward<float>, max_pool2d_backward<double>};
const CpuRegistration<AveragePool2dForward> average_forward{"cpu", average_pool2d_forward<float>,
                                                            average_pool2d_forward<double>};
const CpuRegistration<AveragePool2dAdjoint> average_adjoint{"cpu", average_pool2d_adjoint<float>,
                                                            average_pool2d_adjoint<double>};
}  // namespace

}  // namespace orbitgrad::kernels::cpu
