// Lifting and group convolution on the cubic lattice for groups of signed permutations of the axes, with the two
// derivatives: the formula of group_conv2d.hpp with offsets and taps of three entries,
//   y[n,k,s,o] = b[k] + sum_{c,t,u} xpad[n, c, t, o stride + u dilation - padding] w[k, c, h_s^-1 h_t, h_s^-1 u].
// Winkels and Cohen, "3D G-CNNs for pulmonary nodule detection" (2018), section 3.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/dispatch.hpp"

namespace orbitgrad::kernels {

/// One irrep in a frame of `size` vectors, as groups/irrep_frame.hpp defines it.
struct FrameBlock {
  std::int64_t degree = 0, size = 0;
  std::vector<std::int32_t> image, sign;  ///< [S, size]: s e_f = sign e_image
  std::vector<std::int32_t> basis;        ///< [degree]
  std::vector<double> coordinates, gram;  ///< [size, degree]
  double divisor = 1;
  std::vector<std::int32_t> sum, sum_sign;  ///< [size, size]: P[f, f'] is sum_sign times that value of the program
};

/// value[order + i] = value[a] + sign_b value[b] (+ sign_c value[c] if c >= 0), whatever the order of the terms.
struct FrameStep {
  std::int32_t a, b, c, sign_b, sign_c;
};

/// The Fourier transform of a group: values 0 .. order-1 are the function, then come the steps.
struct FrameTransform {
  std::int64_t order = 1;
  std::vector<FrameStep> steps;
  std::vector<FrameBlock> blocks;
};

using Size3 = std::array<std::int64_t, 3>;

inline std::int64_t volume(const Size3& size) { return size[0] * size[1] * size[2]; }

/// x [batch, in_fields, in_order, in_size] with in_order = order, or 1 for lifting; w [out_fields, in_fields / groups,
/// in_order, kernel^3]; bias [out_fields]; y [batch, out_fields, order, out_size()]: dense row-major. What pointers
/// refer to belongs to the caller and outlives the call.
struct GroupConv3dProblem {
  std::int64_t batch = 0, in_fields = 0, in_order = 1;
  Size3 in_size = {0, 0, 0};
  std::int64_t out_fields = 0, order = 1, kernel = 1;
  std::int64_t stride = 1, padding = 0, dilation = 1, groups = 1;
  const std::int32_t* matrices = nullptr;        ///< [order, 9]: h_s, row-major; element 0 is the identity
  const std::int32_t* filter_element = nullptr;  ///< [order, order]: index of h_s^-1 h_t at [s, t]
  const FrameTransform* transform = nullptr;     ///< null: no irrep blocks
  std::string_view implementation = {};          ///< forced by name; empty: automatic choice
  bool relu = false;                             ///< the forward writes relu(y), NaN stays; gradients do not look at it

  Size3 out_size() const {
    Size3 size;
    for (std::size_t axis = 0; axis < 3; ++axis)
      size[axis] = (in_size[axis] + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
    return size;
  }
  std::int64_t taps() const { return kernel * kernel * kernel; }
  std::int64_t x_size() const { return batch * in_fields * in_order * volume(in_size); }
  std::int64_t w_size() const { return out_fields * (in_fields / groups) * in_order * taps(); }
  std::int64_t y_size() const { return batch * out_fields * order * volume(out_size()); }

  /// Of any of the three ops in the dense form, counting multiplications with padding zeros.
  double flops() const {
    return out_fields == 0 ? 0.0 : 2.0 * static_cast<double>(y_size()) * static_cast<double>(w_size() / out_fields);
  }
  double bytes(double element_size) const { return element_size * static_cast<double>(x_size() + w_size() + y_size()); }
};

/// The tap m u for the tap u = (depth kernel + row) kernel + col and a signed permutation m of the axes; with
/// `transposed`, m^-1 u. Offsets are doubled so that they are whole about the centre for even kernels too.
inline std::int32_t transform_tap3d(const std::int32_t* m, std::int64_t kernel, std::int64_t tap, bool transposed) {
  const std::int64_t u[3] = {2 * (tap / (kernel * kernel)) - (kernel - 1), 2 * (tap / kernel % kernel) - (kernel - 1),
                             2 * (tap % kernel) - (kernel - 1)};
  std::int64_t result = 0;
  for (int i = 0; i < 3; ++i) {
    std::int64_t moved = 0;
    for (int j = 0; j < 3; ++j) moved += m[transposed ? 3 * j + i : 3 * i + j] * u[j];
    result = result * kernel + (moved + kernel - 1) / 2;
  }
  return static_cast<std::int32_t>(result);
}

template <class T>
struct GroupConv3dForward {
  using Problem = GroupConv3dProblem;
  using Launch = void(const Problem&, const T* x, const T* w, const T* bias_or_null, T* y);
  static constexpr std::string_view name = "group_conv3d.forward";
};
template <class T>
struct GroupConv3dInputGradient {
  using Problem = GroupConv3dProblem;
  using Launch = void(const Problem&, const T* dy, const T* w, T* dx);
  static constexpr std::string_view name = "group_conv3d.input_gradient";
};
template <class T>
struct GroupConv3dFilterGradient {
  using Problem = GroupConv3dProblem;
  using Launch = void(const Problem&, const T* x, const T* dy, T* dw);
  static constexpr std::string_view name = "group_conv3d.filter_gradient";
};

/// True if the kernel's last position touches the far border on every axis, so that the operation is equivariant.
inline bool stride_is_equivariant(const GroupConv3dProblem& problem) {
  for (const std::int64_t size : problem.in_size)
    if ((size + 2 * problem.padding - problem.dilation * (problem.kernel - 1) - 1) % problem.stride != 0) return false;
  return true;
}

namespace cpu {

/// y from x, w and the bias (null: none). All overwrite their last argument; the bits depend on the problem and the
/// implementation, never on the number of threads. The forward is equivariant bit for bit.
template <class T>
void group_conv3d_forward(const GroupConv3dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y);
/// The gradient of <dy, y> by x.
template <class T>
void group_conv3d_input_gradient(const GroupConv3dProblem& problem, const T* dy, const T* w, T* dx);
/// The gradient of <dy, y> by w, the orbit sum included.
template <class T>
void group_conv3d_filter_gradient(const GroupConv3dProblem& problem, const T* x, const T* dy, T* dw);

}  // namespace cpu
}  // namespace orbitgrad::kernels
