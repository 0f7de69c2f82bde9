// Elementary functions of floating tensors, element by element.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor log1p(const Tensor& x);
Tensor sqrt(const Tensor& x);
/// 1 / sqrt(x)
Tensor rsqrt(const Tensor& x);
Tensor square(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tanh(const Tensor& x);
/// 1 / (1 + exp(-x)), without overflow
Tensor sigmoid(const Tensor& x);
Tensor erf(const Tensor& x);
/// max(x, 0); the derivative at 0 is 0
Tensor relu(const Tensor& x);
/// x Phi(x), exactly, with Phi the normal distribution function (Hendrycks and Gimpel, 2016).
Tensor gelu(const Tensor& x);
/// x sigmoid(x), also called swish
Tensor silu(const Tensor& x);
/// The derivative is 0.
Tensor floor(const Tensor& x);
/// log(1 + exp(x)), without overflow
Tensor softplus(const Tensor& x);

}  // namespace orbitgrad
