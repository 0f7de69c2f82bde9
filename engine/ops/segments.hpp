// Rows by index and sums by index: embeddings, and what a graph network does between nodes and edges. Sums are made in
// an order fixed by the index, so their bits depend on nothing else.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

/// NumPy's take: the axis is replaced by the axes of the index, y[.., j.., ..] = x[.., index[j..], ..]. index: int64 of
/// any shape, each position in [-length, length). Any dtype; differentiable in x.
Tensor take(const Tensor& x, const Tensor& index, int axis = 0);

/// Rows of a table by number: weight [V, D], index int64 [...] -> [..., D].
Tensor embedding(const Tensor& weight, const Tensor& index);

/// Segments along one axis: element k of it belongs to segment index[k] in [0, segments), index int64 [length]. The
/// result has `segments` positions on the axis; a segment without elements gives 0.
/// Sum: the adjoint of take.
Tensor segment_sum(const Tensor& x, const Tensor& index, std::int64_t segments, int axis = 0);
Tensor segment_mean(const Tensor& x, const Tensor& index, std::int64_t segments, int axis = 0);
/// NaN wins; the gradient goes to the first of equal extremes.
Tensor segment_max(const Tensor& x, const Tensor& index, std::int64_t segments, int axis = 0);
Tensor segment_min(const Tensor& x, const Tensor& index, std::int64_t segments, int axis = 0);

}  // namespace orbitgrad
