// NumPy's x[...]: integers, slices, an ellipsis, new axes, integer tensors and bool masks, mixed as NumPy mixes them.
//   index(x, {0, Range{.step = -1}, ellipsis, new_axis, positions})         x[0, ::-1, ..., None, positions]
// A tensor never changes: what NumPy writes as x[...] = v is index_put, which returns the changed copy.
#pragma once

#include <variant>
#include <vector>

#include "engine/ops/shape_ops.hpp"

namespace orbitgrad {

struct Ellipsis {};
struct NewAxis {};
inline constexpr Ellipsis ellipsis;
inline constexpr NewAxis new_axis;
/// All of an axis, NumPy's ":".
inline constexpr Range every;

/// One entry between the brackets. A Tensor is int64 (positions in [-length, length)) or bool (a mask over as many axes
/// as it has, of their lengths).
using Index = std::variant<std::int64_t, Range, Ellipsis, NewAxis, Tensor>;

/// x[indices]. Integer tensors, masks and, beside them, integers are broadcast against each other; their axes take the
/// place of the indexed ones where these are neighbours, and come first where they are not. Differentiable in x.
Tensor index(const Tensor& x, const std::vector<Index>& indices);

/// What x is after x[indices] = values (values are broadcast). Of several values for one place the last one stays; with
/// `accumulate` all are added to it, in order. Differentiable in x and values.
Tensor index_put(const Tensor& x, const std::vector<Index>& indices, const Tensor& values, bool accumulate = false);

/// Positions of the true elements in row-major order: one int64 tensor [count] per axis.
std::vector<Tensor> nonzero(const Tensor& mask);

}  // namespace orbitgrad
