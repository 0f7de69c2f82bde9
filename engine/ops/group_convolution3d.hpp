// Lifting and group convolution of volumes for the point groups of the cubic lattice, differentiable to any order.
// Winkels and Cohen, "3D G-CNNs for pulmonary nodule detection" (2018). With S = |G| and base filter w:
//   y[n,k,s,o] = b[k] + sum_{c,t,u} xpad[n, c, t, o stride + u dilation - padding] w[k, c, h_s^-1 h_t, h_s^-1 u]
#pragma once

#include <string>
#include <vector>

#include "engine/ops/group_convolution.hpp"
#include "groups/voxel_group.hpp"

namespace orbitgrad {

/// The options hold for all three axes. `implementation`: "orbit_gather" and "irrep_blocks", both on the cpu and
/// equivariant bit for bit; "expanded" on every device, which builds the filters of a plain conv3d; empty: the best.
using GroupConv3dOptions = GroupConv2dOptions;

std::vector<std::string> group_conv3d_implementations(DeviceKind device);

/// From volumes to regular features: x [N, C, D, H, W], w [K, C / groups, k, k, k], bias [K] or undefined ->
/// [N, K, S, Do, Ho, Wo]. float32, float64 or half.
Tensor lift_conv3d(const Tensor& x, const Tensor& w, const Tensor& bias, const groups::VoxelGroup& group,
                   const GroupConv3dOptions& options = {});

/// From regular features to regular features: x [N, C, S, D, H, W], w [K, C / groups, S, k, k, k], bias [K] or
/// undefined -> [N, K, S, Do, Ho, Wo].
Tensor group_conv3d(const Tensor& x, const Tensor& w, const Tensor& bias, const groups::VoxelGroup& group,
                    const GroupConv3dOptions& options = {});

/// The action on volumes [..., D, H, W], voxel by voxel about the centre; axes change places with their sizes.
Tensor act_on_volume(const Tensor& x, const groups::VoxelGroup& group, int element);
/// The action on regular features [..., S, D, H, W]: (t, p) -> (h t, h p).
Tensor act_on_regular_volume(const Tensor& x, const groups::VoxelGroup& group, int element);

}  // namespace orbitgrad
