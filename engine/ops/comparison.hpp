// Comparisons (with broadcasting, results are bool), logic, and where.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

Tensor equal(const Tensor& a, const Tensor& b);
Tensor not_equal(const Tensor& a, const Tensor& b);
Tensor less(const Tensor& a, const Tensor& b);
Tensor less_equal(const Tensor& a, const Tensor& b);
Tensor greater(const Tensor& a, const Tensor& b);
Tensor greater_equal(const Tensor& a, const Tensor& b);

Tensor logical_not(const Tensor& x);
Tensor logical_and(const Tensor& a, const Tensor& b);
Tensor logical_or(const Tensor& a, const Tensor& b);
/// False for infinities and NaN.
Tensor is_finite(const Tensor& x);

/// condition ? a : b, element by element, all three broadcast. Differentiable in a and b.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);

}  // namespace orbitgrad
