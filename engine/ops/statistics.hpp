// Products, norms and other reductions that are made of simpler ops, and cumulative sums. No axes means all.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

/// Product of numbers, of nothing 1. Exact derivatives of every order where elements are 0, too.
Tensor prod(const Tensor& x, const Axes& axes = {}, bool keep_dims = false);

/// Square root of the variance, divided by (count - correction): 0 as NumPy, 1 as PyTorch by default. The derivative
/// where it is 0 is taken as 0.
Tensor standard_deviation(const Tensor& x, const Axes& axes = {}, bool keep_dims = false, int correction = 0);

/// log(sum(exp(x))), without overflow. Of nothing -infinity.
Tensor logsumexp(const Tensor& x, const Axes& axes = {}, bool keep_dims = false);

/// (sum |x|^p)^(1/p) over all elements of the axes; p = infinity: the largest |x|, p = 0: the number of elements that
/// are not 0. p >= 0. The derivative where all elements are 0 is taken as 0.
Tensor norm(const Tensor& x, double p = 2, const Axes& axes = {}, bool keep_dims = false);

/// y[s] = x[0] + ... + x[s] along one axis. int32 and bool tensors are summed as int64. Differentiable.
Tensor cumsum(const Tensor& x, int axis);

}  // namespace orbitgrad
