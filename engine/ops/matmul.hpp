// Matrix product with NumPy's rules.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

/// [..., m, k] x [..., k, n] -> [..., m, n] for float32 and float64; leading axes broadcast. A vector on the left is a
/// row [k], on the right a column [k], and its axis is gone in the result.
Tensor matmul(const Tensor& a, const Tensor& b);

}  // namespace orbitgrad
