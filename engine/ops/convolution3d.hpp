// Three-dimensional convolution: conv2d on the slices of a volume, with the taps in depth as further channels.
#pragma once

#include "engine/ops/convolution.hpp"

namespace orbitgrad {

/// y[n,k,o] = b[k] + sum_{c,u} xpad[n, c, o stride + u dilation - padding] w[k, c, u], o and u with three entries.
/// x [N, C, D, H, W], w [K, C / groups, kd, kh, kw], bias [K] or undefined -> [N, K, Do, Ho, Wo]. The options hold for
/// all three axes. float32 or float64; differentiable to any order. Needs kd times the memory of x.
Tensor conv3d(const Tensor& x, const Tensor& w, const Tensor& bias = {}, const Conv2dOptions& options = {});

}  // namespace orbitgrad
