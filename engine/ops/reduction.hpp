// Reductions over any axes; no axes means all. keep_dims leaves the reduced axes with length 1.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

/// Sum; of bool tensors, the int64 count of true.
Tensor sum(const Tensor& x, const Axes& axes = {}, bool keep_dims = false);
/// Mean of floating tensors. The mean of nothing is NaN.
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keep_dims = false);
/// Variance of floating tensors, divided by (count - correction), which must not be negative.
Tensor variance(const Tensor& x, const Axes& axes = {}, bool keep_dims = false, int correction = 0);
/// Largest and smallest element; NaN wins. Equal extremes share the gradient evenly. Nothing to reduce is an error.
Tensor max(const Tensor& x, const Axes& axes = {}, bool keep_dims = false);
Tensor min(const Tensor& x, const Axes& axes = {}, bool keep_dims = false);
/// Position of the first extreme along one axis, int64.
Tensor argmax(const Tensor& x, int axis, bool keep_dims = false);
Tensor argmin(const Tensor& x, int axis, bool keep_dims = false);
/// Of bool tensors.
bool all(const Tensor& x);
bool any(const Tensor& x);

}  // namespace orbitgrad
