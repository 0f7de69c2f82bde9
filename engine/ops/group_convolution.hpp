// Lifting and group convolution for p1, p2, p4, pm and p4m (Cohen and Welling, ICML 2016), and on hexagons for p6 and
// p6m (Hoogeboom et al., ICLR 2018; engine/ops/hexagonal.hpp), differentiable to any order.
// With S = |G|, base filter w and elements numbered as in groups/lattice_group.hpp:
//   y[n,k,s,o] = b[k] + sum_{c,t,u} xpad[n, c, t, o stride + u dilation - padding] w[k, c, h_s^-1 h_t, h_s^-1 u]
#pragma once

#include <string>
#include <vector>

#include "engine/ops/shape_ops.hpp"
#include "engine/tensor.hpp"
#include "groups/lattice_group.hpp"

namespace orbitgrad {

struct GroupConv2dOptions {
  std::int64_t stride = 1;
  std::int64_t padding = 0;
  std::int64_t dilation = 1;
  std::int64_t groups = 1;
  PadMode padding_mode = PadMode::zero;
  /// A stride that does not meet the border on both sides breaks the symmetry; that is an error unless this is set.
  bool allow_broken_symmetry = false;
  /// One of group_conv2d_implementations, "orbit_gather" on every device, or empty: chosen on the cpu by measured
  /// timings, where the forward is then equivariant bit for bit; elsewhere the best.
  std::string implementation = {};
  /// The result is relu(y), written in the same pass, with the bits of the op relu.
  bool relu = false;
};

/// What can be forced on a device, by name. "orbit_gather" and "irrep_blocks" are equivariant bit for bit.
std::vector<std::string> group_conv2d_implementations(DeviceKind device);

// Under p6 and p6m the arrays of x and w hold hexagons, H = W = 2R + 1 and k = 2r + 1: their corners are not read, and
// those of the result are zero. The stride divides R + padding - dilation r, and the padding is of zeros.

/// From images to regular features: x [N, C, H, W], w [K, C / groups, k, k], bias [K] or undefined ->
/// [N, K, S, Ho, Wo].
Tensor lift_conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const groups::LatticeGroup& group,
                   const GroupConv2dOptions& options = {});

/// From regular features to regular features: x [N, C, S, H, W], w [K, C / groups, S, k, k], bias [K] or undefined ->
/// [N, K, S, Ho, Wo].
Tensor group_conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const groups::LatticeGroup& group,
                    const GroupConv2dOptions& options = {});

/// The filter bank of the plain convolution that computes the same on channels c S + t and k S + s, which is what other
/// libraries expand at every call: bank[k S + s, c S + t, u] = w[k, c, h_s^-1 h_t, h_s^-1 u]. Differentiable.
/// w [K, C, k, k] -> [K S, C, k, k].
Tensor lift_filter_bank(const Tensor& w, const groups::LatticeGroup& group);
/// w [K, C, S, k, k] -> [K S, C S, k, k].
Tensor group_filter_bank(const Tensor& w, const groups::LatticeGroup& group);

}  // namespace orbitgrad
