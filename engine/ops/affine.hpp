// The affine map of a dense layer and its activation, in one pass over the result.
#pragma once

#include "engine/tensor.hpp"
#include "kernels/gemm/affine.hpp"

namespace orbitgrad {

/// none, relu, or gelu: x Phi(x), as the op gelu.
using kernels::Activation;

/// activation(x w^T + bias): x [..., in], w [out, in], bias [out] or undefined -> [..., out], floating. Where gelu is
/// to be differentiated it runs as a pass of its own, since its derivative needs its argument. Precision:
/// ScopedPrecision (precision.hpp).
Tensor affine(const Tensor& x, const Tensor& w, const Tensor& bias = {}, Activation activation = Activation::none);

}  // namespace orbitgrad
