// Plain two-dimensional convolution (correlation: the filter is not flipped), differentiable to any order: its
// derivatives close on three bilinear ops.
#pragma once

#include <string>

#include "engine/ops/shape_ops.hpp"
#include "engine/tensor.hpp"

namespace orbitgrad {

struct Conv2dOptions {
  std::int64_t stride = 1;
  std::int64_t padding = 0;
  std::int64_t dilation = 1;
  std::int64_t groups = 1;
  PadMode padding_mode = PadMode::zero;
};

/// y[n,k,o] = b[k] + sum_{c,u} xpad[n, c, o stride + u dilation - padding] w[k, c, u].
/// x [N, C, H, W], w [K, C / groups, kh, kw], bias [K] or undefined -> [N, K, Ho, Wo]. float32 or float64.
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias = {}, const Conv2dOptions& options = {});

/// The adjoint of conv2d in x, as a layer: input [N, K, H, W], w [K, C / groups, kh, kw], bias [C] or undefined
/// -> [N, C, (H - 1) stride - 2 padding + dilation (kh - 1) + 1 + output_padding, likewise]. Zero padding only;
/// output_padding in [0, stride) picks among the sizes that conv2d maps to the same one.
Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const Tensor& bias = {}, const Conv2dOptions& options = {},
                        std::int64_t output_padding = 0);

}  // namespace orbitgrad
