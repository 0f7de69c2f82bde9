// Normalisations whose statistics belong to one sample: y = (x - mean) / sqrt(variance + epsilon) weight + bias, with
// the biased variance. weight and bias may be undefined: 1 and 0.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

/// Over the last `axes` axes of x; weight and bias have their shape.
Tensor layer_norm(const Tensor& x, int axes = 1, const Tensor& weight = {}, const Tensor& bias = {},
                  double epsilon = 1e-5);

/// x [N, C, ...]: over C / groups channels and all positions at a time; weight and bias [C].
Tensor group_norm(const Tensor& x, std::int64_t groups, const Tensor& weight = {}, const Tensor& bias = {},
                  double epsilon = 1e-5);

/// Over the positions of each channel of x [N, C, ...]; weight and bias [C].
Tensor instance_norm(const Tensor& x, const Tensor& weight = {}, const Tensor& bias = {}, double epsilon = 1e-5);

}  // namespace orbitgrad
