// Matrix product with NumPy's rules.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

/// [..., m, k] x [..., k, n] -> [..., m, n] of floating tensors; leading axes broadcast. A vector on the left is a
/// row [k], on the right a column [k], and its axis is gone in the result. Precision: ScopedPrecision (precision.hpp).
Tensor matmul(const Tensor& a, const Tensor& b);

}  // namespace orbitgrad
