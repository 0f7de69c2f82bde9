// The sums of group_conv2d.hpp as they stand: one thread an output, one thread an input, one block a filter. They need
// no table beyond the group's own and support every problem.
#pragma once

#include <algorithm>

#include "kernels/cuda/reduce.hpp"
#include "kernels/elementwise/formulas.hpp"
#include "kernels/group_conv2d/group_conv2d.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

/// The problem with its tables by value, as a kernel can read them.
struct LatticeProblem {
  static constexpr std::int64_t max_order = 12;  // D6

  GroupConv2dProblem sizes;
  std::int64_t out_height, out_width;
  std::int32_t order, in_order, kernel, taps;
  std::int32_t matrices[4 * max_order] = {}, filter_element[max_order * max_order] = {};

  explicit LatticeProblem(const GroupConv2dProblem& p)
      : sizes(p),
        out_height(p.out_height()),
        out_width(p.out_width()),
        order(static_cast<std::int32_t>(p.order)),
        in_order(static_cast<std::int32_t>(p.in_order)),
        kernel(static_cast<std::int32_t>(p.kernel)),
        taps(kernel * kernel) {
    std::copy_n(p.matrices, 4 * order, matrices);
    if (in_order != 1) std::copy_n(p.filter_element, order * order, filter_element);
  }

  __device__ std::int64_t channels_in() const { return sizes.in_fields / sizes.groups; }
  __device__ std::int64_t channels_out() const { return sizes.out_fields / sizes.groups; }
  /// Where (s, t, u) finds its entry inside the filter of one pair of fields.
  __device__ std::int32_t offset(std::int32_t s, std::int32_t t, std::int32_t tap) const {
    return filter_offset(matrices, filter_element, order, in_order, kernel, s, t, tap);
  }
  /// The input element h_s g.
  __device__ std::int32_t image(std::int32_t s, std::int32_t g) const {
    std::int32_t t = 0;
    while (in_order != 1 && filter_element[s * order + t] != g) ++t;
    return t;
  }
};

/// Position of an element of x or y by its flat index: [batch, fields, elements, height, width].
struct LatticePlace {
  std::int64_t n, field;
  std::int32_t element;
  std::int64_t row, column;

  __device__ static LatticePlace of(std::int64_t i, std::int64_t fields, std::int64_t elements, std::int64_t height,
                                    std::int64_t width) {
    const std::int64_t plane = i / width / height;
    return {plane / elements / fields, plane / elements % fields, static_cast<std::int32_t>(plane % elements),
            i / width % height, i % width};
  }
};

template <class T>
__global__ void formula_forward(LatticeProblem p, const T* x, const T* w, const T* bias_or_null, T* y) {
  const auto& size = p.sizes;
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= size.batch * size.out_fields * p.order * p.out_height * p.out_width) return;
  const auto out = LatticePlace::of(i, size.out_fields, p.order, p.out_height, p.out_width);
  const std::int64_t first = out.field / p.channels_out() * p.channels_in();
  T sum = 0;
  for (std::int64_t c = 0; c < p.channels_in(); ++c)
    for (std::int32_t t = 0; t < p.in_order; ++t)
      for (std::int32_t u = 0; u < p.taps; ++u) {
        const std::int64_t row = out.row * size.stride + u / p.kernel * size.dilation - size.padding;
        const std::int64_t column = out.column * size.stride + u % p.kernel * size.dilation - size.padding;
        if (row < 0 || row >= size.in_height || column < 0 || column >= size.in_width) continue;
        const std::int64_t plane = (out.n * size.in_fields + first + c) * p.in_order + t;
        sum = std::fma(x[(plane * size.in_height + row) * size.in_width + column],
                       w[(out.field * p.channels_in() + c) * p.in_order * p.taps + p.offset(out.element, t, u)], sum);
      }
  sum += bias_or_null == nullptr ? T{0} : bias_or_null[out.field];
  y[i] = size.relu ? Relu{}(sum) : sum;
}

/// The outputs that met the input element, instead of scattering each output.
template <class T>
__global__ void formula_input_gradient(LatticeProblem p, const T* dy, const T* w, T* dx) {
  const auto& size = p.sizes;
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= size.batch * size.in_fields * p.in_order * size.in_height * size.in_width) return;
  const auto in = LatticePlace::of(i, size.in_fields, p.in_order, size.in_height, size.in_width);
  const std::int64_t group = in.field / p.channels_in(), c = in.field % p.channels_in();
  T sum = 0;
  for (std::int64_t k = group * p.channels_out(); k < (group + 1) * p.channels_out(); ++k)
    for (std::int32_t s = 0; s < p.order; ++s)
      for (std::int32_t u = 0; u < p.taps; ++u) {
        const std::int64_t row = in.row + size.padding - u / p.kernel * size.dilation;
        const std::int64_t column = in.column + size.padding - u % p.kernel * size.dilation;
        if (row < 0 || row % size.stride != 0 || row / size.stride >= p.out_height || column < 0 ||
            column % size.stride != 0 || column / size.stride >= p.out_width)
          continue;
        const std::int64_t plane = (in.n * size.out_fields + k) * p.order + s;
        sum = std::fma(dy[(plane * p.out_height + row / size.stride) * p.out_width + column / size.stride],
                       w[(k * p.channels_in() + c) * p.in_order * p.taps + p.offset(s, in.element, u)], sum);
      }
  dx[i] = sum;
}

/// One block a pair of fields: its threads share the outputs, one entry (g, v) of the filter after another.
template <class T>
__global__ void formula_filter_gradient(LatticeProblem p, const T* x, const T* dy, T* dw) {
  const auto& size = p.sizes;
  const std::int64_t k = blockIdx.x / p.channels_in();
  const std::int64_t c = k / p.channels_out() * p.channels_in() + blockIdx.x % p.channels_in();
  const std::int32_t depth = p.in_order * p.taps;
  for (std::int32_t entry = 0; entry < depth; ++entry) {
    T sum = 0;
    for (std::int32_t s = 0; s < p.order; ++s) {
      const std::int32_t t = p.image(s, entry / p.taps);
      const std::int32_t u = transform_tap(p.matrices + 4 * s, p.kernel, entry % p.taps);
      for (std::int64_t i = threadIdx.x; i < size.batch * p.out_height * p.out_width; i += blockDim.x) {
        const auto out = LatticePlace::of(i, 1, 1, p.out_height, p.out_width);
        const std::int64_t row = out.row * size.stride + u / p.kernel * size.dilation - size.padding;
        const std::int64_t column = out.column * size.stride + u % p.kernel * size.dilation - size.padding;
        if (row < 0 || row >= size.in_height || column < 0 || column >= size.in_width) continue;
        const std::int64_t in_plane = (out.n * size.in_fields + c) * p.in_order + t;
        const std::int64_t out_plane = (out.n * size.out_fields + k) * p.order + s;
        sum = std::fma(x[(in_plane * size.in_height + row) * size.in_width + column],
                       dy[(out_plane * p.out_height + out.row) * p.out_width + out.column], sum);
      }
    }
    sum = block_reduce(sum, SumOf{});
    if (threadIdx.x == 0) dw[std::int64_t{blockIdx.x} * depth + entry] = sum;
  }
}

/// The base filter of the input gradient, w*[c, k, r, v] = w[k, c, r^-1, -r^-1 v]; of lifting, whose gradient sums over
/// the elements s, w*[c, k, s, u] = w[k, c, -h_s^-1 u].
template <class T>
__global__ void transpose_filter(LatticeProblem p, const T* w, T* transposed) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const std::int64_t in = p.channels_in(), out = p.channels_out();
  if (i >= p.sizes.out_fields * in * p.order * p.taps) return;
  const auto v = static_cast<std::int32_t>(i % p.taps), r = static_cast<std::int32_t>(i / p.taps % p.order);
  const std::int64_t pair = i / p.taps / p.order, k = pair % out, c = pair / out % in, group = pair / out / in;
  const std::int32_t inverse = p.in_order == 1 ? 0 : p.filter_element[r * p.order + p.filter_element[0]];
  const std::int32_t tap = opposite_tap(p.kernel, inverse_transform_tap(p.matrices + 4 * r, p.kernel, v));
  transposed[i] = w[(((group * out + k) * in + c) * p.in_order + inverse) * p.taps + tap];
}

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
