// Lifting and group convolution for every subgroup of D4, and of D6 on the hexagonal lattice in axial coordinates,
// where the filter is zero outside of its hexagon; with the two derivatives (bilinear):
//   y[n,k,s,o] = b[k] + sum_{c,t,u} xpad[n, c, t, o stride + u dilation - padding] w[k, c, h_s^-1 h_t, h_s^-1 u].
// Lifting has no t. Cohen and Welling, "Group equivariant convolutional networks" (ICML 2016), eqs. 10 and 11.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/conv2d/conv2d.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// x [batch, in_fields, in_order, in_height, in_width] with in_order = order, or 1 for lifting (any order, p1 too);
/// w [out_fields, in_fields / groups, in_order, kernel, kernel]; bias [out_fields]; y [batch, out_fields, order,
/// out_height(), out_width()]: all dense row-major. The tables belong to the caller and outlive the call.
struct GroupConv2dProblem {
  std::int64_t batch = 0, in_fields = 0, in_order = 1, in_height = 0, in_width = 0;
  std::int64_t out_fields = 0, order = 1, kernel = 1;
  std::int64_t stride = 1, padding = 0, dilation = 1, groups = 1;
  const std::int32_t* matrices = nullptr;        ///< [order, 4]: h_s on an offset (row, col), row-major, det +1 or -1
  const std::int32_t* filter_element = nullptr;  ///< [order, order]: index of h_s^-1 h_t at [s, t]
  std::string_view implementation = {};          ///< forced by name; empty, or one without support: automatic choice
  bool relu = false;                             ///< the forward writes relu(y), NaN stays; gradients do not look at it

  std::int64_t out_height() const { return Conv2dProblem::out_size(in_height, kernel, stride, padding, dilation); }
  std::int64_t out_width() const { return Conv2dProblem::out_size(in_width, kernel, stride, padding, dilation); }
  std::int64_t x_size() const { return batch * in_fields * in_order * in_height * in_width; }
  std::int64_t w_size() const {
    return groups == 0 ? 0 : out_fields * (in_fields / groups) * in_order * kernel * kernel;
  }
  std::int64_t y_size() const { return batch * out_fields * order * out_height() * out_width(); }

  /// Of any of the three ops in the dense form, counting multiplications with padding zeros.
  double flops() const {
    return out_fields == 0 ? 0.0 : 2.0 * static_cast<double>(y_size()) * static_cast<double>(w_size() / out_fields);
  }
  /// Compulsory traffic of any of the three ops for elements of that many bytes: each array once.
  double bytes(double element_size) const { return element_size * static_cast<double>(x_size() + w_size() + y_size()); }
};

/// The tap h u for the tap u = row kernel + col of a square kernel and an integer matrix h that permutes the taps.
/// Offsets are doubled, 2 u - (kernel - 1), so that they are integers about the centre for even kernels too. A matrix
/// of D6 permutes the taps of the hexagon; a tap outside of it, whose weight is zero, stays where it is if h u is none.
ORBITGRAD_HOST_DEVICE constexpr std::int32_t transform_tap(const std::int32_t* h, std::int32_t kernel,
                                                           std::int32_t tap) {
  const std::int32_t row = 2 * (tap / kernel) - (kernel - 1), col = 2 * (tap % kernel) - (kernel - 1);
  const std::int32_t new_row = (h[0] * row + h[1] * col + kernel - 1) / 2;
  const std::int32_t new_col = (h[2] * row + h[3] * col + kernel - 1) / 2;
  const bool is_inside = new_row >= 0 && new_row < kernel && new_col >= 0 && new_col < kernel;
  return is_inside ? new_row * kernel + new_col : tap;
}

/// The tap h^-1 u; h has determinant +1 or -1.
ORBITGRAD_HOST_DEVICE constexpr std::int32_t inverse_transform_tap(const std::int32_t* h, std::int32_t kernel,
                                                                   std::int32_t tap) {
  const std::int32_t det = h[0] * h[3] - h[1] * h[2];
  const std::int32_t inverse[4] = {det * h[3], -det * h[1], -det * h[2], det * h[0]};
  return transform_tap(inverse, kernel, tap);
}

/// The tap -u: the reflection through the centre.
ORBITGRAD_HOST_DEVICE constexpr std::int32_t opposite_tap(std::int32_t kernel, std::int32_t tap) {
  return kernel * kernel - 1 - tap;
}

/// Where output element s meets the base filter [.., in_order, kernel, kernel] at input element t and tap u: the offset
/// of (h_s^-1 h_t, h_s^-1 u) inside the last three axes. Lifting: in_order = 1, t = 0.
ORBITGRAD_HOST_DEVICE constexpr std::int32_t filter_offset(const std::int32_t* matrices,
                                                           const std::int32_t* filter_element, std::int32_t order,
                                                           std::int32_t in_order, std::int32_t kernel, std::int32_t s,
                                                           std::int32_t t, std::int32_t tap) {
  const std::int32_t element = in_order == 1 ? 0 : filter_element[s * order + t];
  return element * kernel * kernel + inverse_transform_tap(matrices + 4 * s, kernel, tap);
}

template <class T>
struct GroupConv2dForward {
  using Problem = GroupConv2dProblem;
  using Launch = void(const Problem&, const T* x, const T* w, const T* bias_or_null, T* y);
  static constexpr std::string_view name = "group_conv2d.forward";
};
template <class T>
struct GroupConv2dInputGradient {
  using Problem = GroupConv2dProblem;
  using Launch = void(const Problem&, const T* dy, const T* w, T* dx);
  static constexpr std::string_view name = "group_conv2d.input_gradient";
};
template <class T>
struct GroupConv2dFilterGradient {
  using Problem = GroupConv2dProblem;
  using Launch = void(const Problem&, const T* x, const T* dy, T* dw);
  static constexpr std::string_view name = "group_conv2d.filter_gradient";
};

/// True if the stride keeps the lattice of outputs symmetric, so that the operation is equivariant: the kernel's last
/// position touches the far border on both axes.
inline bool stride_is_equivariant(const GroupConv2dProblem& problem) {
  const std::int64_t reach = 2 * problem.padding - problem.dilation * (problem.kernel - 1) - 1;
  return (problem.in_height + reach) % problem.stride == 0 && (problem.in_width + reach) % problem.stride == 0;
}

namespace cpu {

/// y from x, w and the bias (null: none). All four functions overwrite their last argument; the bits depend on the
/// problem and the implementation, never on the number of threads. T is float or double. With `orbit_gather`,
/// `irrep_blocks` and the automatic choice the forward is equivariant bit for bit.
template <class T>
void group_conv2d_forward(const GroupConv2dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y);
/// dx [batch, in_fields, in_order, in_height, in_width]: the gradient of <dy, y> by x.
template <class T>
void group_conv2d_input_gradient(const GroupConv2dProblem& problem, const T* dy, const T* w, T* dx);
/// dw [out_fields, in_fields / groups, in_order, kernel, kernel]: the gradient of <dy, y> by w, the orbit sum included.
template <class T>
void group_conv2d_filter_gradient(const GroupConv2dProblem& problem, const T* x, const T* dy, T* dw);
/// db[k] = sum_{n,s,o} dy[n,k,s,o].
template <class T>
void group_conv2d_bias_gradient(const GroupConv2dProblem& problem, const T* dy, T* db);

/// The names of the implementations that the three functions above would take for this problem: the forced one, or the
/// choice by a measured table or by cost (choose.cpp).
template <class T>
std::string_view choose_group_conv2d_forward(const GroupConv2dProblem& problem);
template <class T>
std::string_view choose_group_conv2d_input_gradient(const GroupConv2dProblem& problem);
template <class T>
std::string_view choose_group_conv2d_filter_gradient(const GroupConv2dProblem& problem);

}  // namespace cpu
}  // namespace orbitgrad::kernels
