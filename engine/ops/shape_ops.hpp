// Views and re-arrangements. reshape (when it can), permute, broadcast_to and slice share storage with their input.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "engine/tensor.hpp"

namespace orbitgrad {

/// Same elements in row-major order under another shape of equal size; one length may be -1 and is worked out.
Tensor reshape(const Tensor& x, const Shape& shape);
/// Merges the axes from `first` to `last`, both included.
Tensor flatten(const Tensor& x, int first = 0, int last = -1);
/// Adds an axis of length 1 before `axis` (counted in the result), or removes one.
Tensor unsqueeze(const Tensor& x, int axis);
Tensor squeeze(const Tensor& x, int axis);

/// Axis i of the result is axis order[i] of x.
Tensor permute(const Tensor& x, const Axes& order);
/// Swaps two axes.
Tensor transpose(const Tensor& x, int first = -2, int second = -1);

/// Repeats axes of length 1, and adds leading ones, to reach the shape. No memory is copied.
Tensor broadcast_to(const Tensor& x, const Shape& shape);
/// The adjoint of broadcast_to: sums over what was repeated.
Tensor sum_to(const Tensor& x, const Shape& shape);

/// Python's x[start:stop:step] along one axis: negative positions count from the end, positions beyond an end stop
/// there, and step may be negative. An absent bound means the end it counts from.
struct Range {
  std::optional<std::int64_t> start = {};
  std::optional<std::int64_t> stop = {};
  std::int64_t step = 1;
};
Tensor slice(const Tensor& x, int axis, const Range& range);
/// `length` elements of the axis from `start`.
Tensor narrow(const Tensor& x, int axis, std::int64_t start, std::int64_t length);
/// One position of the axis; the axis is gone in the result.
Tensor select(const Tensor& x, int axis, std::int64_t position);
/// Reverses the axes.
Tensor flip(const Tensor& x, const Axes& axes);

/// Zeros of `shape` with x written at positions start[a] + i step[a] of each axis a: the adjoint of slicing.
Tensor embed(const Tensor& x, const Shape& shape, const Shape& start, const Shape& step);

/// Joins tensors that agree on every other axis; stack adds a new axis first.
Tensor concat(std::span<const Tensor> parts, int axis);
Tensor stack(std::span<const Tensor> parts, int axis);

struct Padding {
  std::int64_t before = 0;
  std::int64_t after = 0;
};
enum class PadMode { zero, circular };
/// Pads the last padding.size() axes. Circular padding repeats the axis and may be any number of times its length.
Tensor pad(const Tensor& x, const std::vector<Padding>& padding, PadMode mode = PadMode::zero);

}  // namespace orbitgrad
