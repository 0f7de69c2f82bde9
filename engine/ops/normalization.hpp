// Softmax and batch normalisation.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

/// Along one axis, without overflow.
Tensor softmax(const Tensor& x, int axis = -1);
Tensor log_softmax(const Tensor& x, int axis = -1);

/// y = gamma (x - mean) / sqrt(variance + epsilon) + beta, all four of length C on axis 1 of x [N, C, ...]. For regular
/// features [N, C, S, H, W] the statistics are per field, which keeps the layer equivariant.
struct BatchNormResult {
  Tensor y;
  Tensor mean;      // of this batch, [C], no gradient
  Tensor variance;  // of this batch, biased, [C], no gradient
};
/// With the statistics of the batch (training).
BatchNormResult batch_norm_training(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon = 1e-5);
/// With given statistics (evaluation). Differentiable in x, gamma and beta.
Tensor batch_norm_inference(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& mean,
                            const Tensor& variance, double epsilon = 1e-5);

}  // namespace orbitgrad
