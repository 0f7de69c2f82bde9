// Actions of finite groups on tensors, and what is built from them: orbit averages, the Reynolds projection of a dense
// layer and the penalty that measures its distance from equivariance. All differentiable to any order.
#pragma once

#include "engine/tensor.hpp"
#include "groups/action.hpp"
#include "groups/lattice_group.hpp"

namespace orbitgrad {

/// (L_h f)[i] = f[h^-1 i] on the last axis of x [..., n] for a permutation action on n points.
Tensor act(const Tensor& x, const groups::Action& action, int element);
/// The action on images [..., H, W], pixel by pixel about the centre; a quarter turn swaps H and W. p6 and p6m act on
/// the hexagon of an array [..., 2R + 1, 2R + 1], whose corners become 0.
Tensor act_on_image(const Tensor& x, const groups::LatticeGroup& group, int element);
/// The action on regular features [..., S, H, W]: (t, p) -> (h t, h p).
Tensor act_on_regular(const Tensor& x, const groups::LatticeGroup& group, int element);

/// 1/|G| sum_h L_h x on the last axis.
Tensor orbit_mean(const Tensor& x, const groups::Action& action);

/// P(W) = 1/|G| sum_h rho_out(h)^-1 W rho_in(h) for W [out, in]: the nearest equivariant matrix.
Tensor reynolds_projection(const Tensor& w, const groups::Action& out, const groups::Action& in);
/// |W - P(W)|^2, a scalar; its gradient is 2 (W - P(W)).
Tensor equivariance_penalty(const Tensor& w, const groups::Action& out, const groups::Action& in);

/// Bilinear rotation of images [N, C, H, W] about their centre by angles [N] (radians, counter-clockwise on the
/// screen), zeros outside. Differentiable in x; the angles are constants, best kept on the cpu: launches read them
/// there.
Tensor rotate_bilinear(const Tensor& x, const Tensor& angles);

}  // namespace orbitgrad
