// Picking elements by position. Positions are int64 tensors, each in [-length, length) of the axis it indexes; for one
// outside see checked_index.hpp.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

/// y[..., j, ...] = x[..., index[j], ...] along one axis; index has rank 1. Differentiable in x.
Tensor index_select(const Tensor& x, int axis, const Tensor& index);

/// y[.., j, ..] = x[.., index[.., j, ..], ..]: index has x's shape except on the axis. Differentiable in x.
Tensor gather(const Tensor& x, int axis, const Tensor& index);

/// Zeros with `length` positions on the axis, to which source[.., j, ..] is added at index[.., j, ..]: the adjoint of
/// gather. Equal positions add up in order of j. Differentiable in source.
Tensor scatter_add(const Tensor& source, int axis, const Tensor& index, std::int64_t length);

/// [.., classes]: 1 at each position of the index, else 0. Error: a position outside [0, classes); here -1 is not the
/// last.
Tensor one_hot(const Tensor& index, std::int64_t classes, DType dtype = DType::float32);

}  // namespace orbitgrad
