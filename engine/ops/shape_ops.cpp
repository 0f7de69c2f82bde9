// reshape, permute, broadcast and the rest that only relabels elements. Joining and padding: joining.cpp.
#include "engine/ops/shape_ops.hpp"

#include <algorithm>
#include <cstdlib>

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/reduction.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace orbitgrad {

namespace {

struct ReshapeNode final : Node {
  std::string_view name() const override { return "reshape"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {reshape(dy, input_shape(0))}; }
};

struct PermuteNode final : Node {
  explicit PermuteNode(Axes order) : order_(std::move(order)) {}
  std::string_view name() const override { return "permute"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    Axes inverse(order_.size());
    for (std::size_t i = 0; i < order_.size(); ++i) inverse[static_cast<std::size_t>(order_[i])] = static_cast<int>(i);
    return {permute(dy, inverse)};
  }
  Axes order_;
};

struct BroadcastNode final : Node {
  std::string_view name() const override { return "broadcast_to"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {sum_to(dy, input_shape(0))}; }
};

// slice takes positions start + i step of every axis; embed writes them back. Each is the other's derivative.
struct SliceNode final : Node {
  SliceNode(const Shape& start, const Shape& step) : start_(start), step_(step) {}
  std::string_view name() const override { return "slice"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {embed(dy, input_shape(0), start_, step_)}; }
  Shape start_, step_;
};

Tensor strided_slice(const Tensor& x, const Shape& size, const Shape& start, const Shape& step) {
  std::int64_t offset = x.body().offset;
  Shape strides = x.strides();
  const bool is_empty = size.numel() == 0;  // nothing is read, and an empty storage has no place to point to
  for (int axis = 0; axis < x.rank() && !is_empty; ++axis) {
    offset += start[axis] * x.strides()[axis];
    strides[axis] *= step[axis];
  }
  return record<SliceNode>(Tensor::window(x, size, strides, offset), {&x}, start, step);
}

struct EmbedNode final : Node {
  EmbedNode(const Shape& start, const Shape& step) : start_(start), step_(step) {}
  std::string_view name() const override { return "embed"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {strided_slice(dy, input_shape(0), start_, step_)}; }
  Shape start_, step_;
};

// Strides under a new shape without copying, if the old layout allows it.
std::optional<Shape> strides_after_reshape(const Tensor& x, const Shape& shape) {
  if (x.is_contiguous()) return contiguous_strides(shape);
  // Only unit axes are added or removed: every other axis keeps its stride.
  Shape strides = shape;
  int from = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) {
      strides[axis] = 0;
      continue;
    }
    while (from < x.rank() && x.shape()[from] == 1) ++from;
    if (from == x.rank() || x.shape()[from] != shape[axis]) return std::nullopt;
    strides[axis] = x.strides()[from++];
  }
  return strides;
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& requested) {
  Shape shape = requested;
  int open = -1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] != -1) continue;
    require(open < 0, "reshape", "{} leaves two lengths open. Only one may be -1.", requested);
    open = axis;
  }
  if (open >= 0) {
    const std::int64_t known = checked_numel("reshape", shape.without_axis(open));
    require(known != 0, "reshape", "{} leaves a length open that any number would fill, for shape {}. Name it.",
            requested, x.shape());
    shape[open] = x.numel() / known;
  }
  require(checked_numel("reshape", shape) == x.numel(), "reshape",
          "shape {} has {} elements, they do not fill {}. Lengths must multiply to the same number.", x.shape(),
          x.numel(), requested);
  if (shape == x.shape()) return x;
  if (const auto strides = strides_after_reshape(x, shape))
    return record<ReshapeNode>(Tensor::window(x, shape, *strides, x.body().offset), {&x});
  return reshape(contiguous(x), shape);
}

Tensor flatten(const Tensor& x, int first, int last) {
  if (x.rank() == 0) return reshape(x, {1});
  const int begin = normalize_axis("flatten", first, x.rank()), end = normalize_axis("flatten", last, x.rank());
  require(begin <= end, "flatten", "axis {} comes after axis {}. Give them in order.", first, last);
  Shape shape;
  for (int axis = 0; axis < begin; ++axis) shape.push_back(x.shape()[axis]);
  std::int64_t merged = 1;
  for (int axis = begin; axis <= end; ++axis) merged *= x.shape()[axis];
  shape.push_back(merged);
  for (int axis = end + 1; axis < x.rank(); ++axis) shape.push_back(x.shape()[axis]);
  return reshape(x, shape);
}

Tensor unsqueeze(const Tensor& x, int axis) {
  return reshape(x, x.shape().with_axis(normalize_axis("unsqueeze", axis, x.rank() + 1), 1));
}

Tensor squeeze(const Tensor& x, int axis) {
  const int position = normalize_axis("squeeze", axis, x.rank());
  require(x.shape()[position] == 1, "squeeze", "axis {} of shape {} has length {}. Only length 1 can be removed.", axis,
          x.shape(), x.shape()[position]);
  return reshape(x, x.shape().without_axis(position));
}

Tensor permute(const Tensor& x, const Axes& order) {
  require(static_cast<int>(order.size()) == x.rank(), "permute", "{} axes are named for shape {}. Name each axis once.",
          order.size(), x.shape());
  if (x.rank() == 0) return x;
  axis_mask("permute", order, x.rank());
  Axes normalized;
  Shape shape, strides;
  for (const int axis : order) {
    normalized.push_back(normalize_axis("permute", axis, x.rank()));
    shape.push_back(x.shape()[normalized.back()]);
    strides.push_back(x.strides()[normalized.back()]);
  }
  return record<PermuteNode>(Tensor::window(x, shape, strides, x.body().offset), {&x}, normalized);
}

Tensor transpose(const Tensor& x, int first, int second) {
  Axes order;
  for (int axis = 0; axis < x.rank(); ++axis) order.push_back(axis);
  std::swap(order[static_cast<std::size_t>(normalize_axis("transpose", first, x.rank()))],
            order[static_cast<std::size_t>(normalize_axis("transpose", second, x.rank()))]);
  return permute(x, order);
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  require(shape.rank() >= x.rank() && broadcast_shapes("broadcast_to", x.shape(), shape) == shape, "broadcast_to",
          "shape {} does not broadcast to {}. Only axes of length 1, and missing leading ones, can be repeated.",
          x.shape(), shape);
  checked_numel("broadcast_to", shape);
  Shape strides = shape;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const int in_x = axis - (shape.rank() - x.rank());
    strides[axis] = in_x < 0 || (x.shape()[in_x] == 1 && shape[axis] != 1) ? 0 : x.strides()[in_x];
  }
  return record<BroadcastNode>(Tensor::window(x, shape, strides, x.body().offset), {&x});
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const int extra = x.rank() - shape.rank();
  require(extra >= 0 && broadcast_shapes("sum_to", shape, x.shape()) == x.shape(), "sum_to",
          "shape {} does not come from {} by broadcasting. Sum to a shape that does.", x.shape(), shape);
  Axes axes;
  for (int axis = 0; axis < x.rank(); ++axis)
    if (axis < extra || (shape[axis - extra] == 1 && x.shape()[axis] != 1)) axes.push_back(axis);
  return reshape(axes.empty() ? x : sum(x, axes), shape);
}

Tensor slice(const Tensor& x, int axis, const Range& range) {
  const int position = normalize_axis("slice", axis, x.rank());
  require(range.step != 0, "slice", "a step of 0 never ends. Use a positive or negative step.");
  const std::int64_t length = x.shape()[position];
  const bool forwards = range.step > 0;
  const auto bound = [&](std::optional<std::int64_t> value, std::int64_t absent) {
    if (!value) return absent;
    const std::int64_t from_front = *value < 0 ? *value + length : *value;
    return forwards ? std::clamp<std::int64_t>(from_front, 0, length)
                    : std::clamp<std::int64_t>(from_front, -1, length - 1);
  };
  const std::int64_t start = bound(range.start, forwards ? 0 : length - 1);
  const std::int64_t stop = bound(range.stop, forwards ? length : -1);
  const std::int64_t distance = forwards ? stop - start : start - stop;
  // A step longer than the axis reaches no second element; clamping it keeps the products below in range.
  const std::int64_t step = std::clamp<std::int64_t>(range.step, -length - 1, length + 1);
  const std::int64_t width = std::abs(step);
  Shape size = x.shape(), starts = x.shape(), steps = x.shape();
  for (int i = 0; i < x.rank(); ++i) {
    starts[i] = 0;
    steps[i] = 1;
  }
  size[position] = distance <= 0 ? 0 : (distance + width - 1) / width;
  starts[position] = start;
  steps[position] = step;
  return strided_slice(x, size, starts, steps);
}

Tensor narrow(const Tensor& x, int axis, std::int64_t start, std::int64_t length) {
  const std::int64_t available = x.size(axis);
  require(start >= 0 && length >= 0 && length <= available && start <= available - length, "narrow",
          "{} positions from {} do not lie in axis {} of shape {}. It has {}.", length, start, axis, x.shape(),
          available);
  return slice(x, axis, {.start = start, .stop = start + length});
}

Tensor select(const Tensor& x, int axis, std::int64_t position) {
  const std::int64_t length = x.size(axis);
  require(position >= -length && position < length, "select",
          "position {} is outside axis {} of shape {}. Use -{} to {}.", position, axis, x.shape(), length, length - 1);
  return squeeze(narrow(x, axis, position < 0 ? position + length : position, 1), axis);
}

Tensor flip(const Tensor& x, const Axes& axes) {
  if (x.rank() == 0) return x;
  const std::uint32_t mask = axis_mask("flip", axes, x.rank());
  Shape start = x.shape(), step = x.shape();
  for (int axis = 0; axis < x.rank(); ++axis) {
    const bool reversed = (mask >> axis & 1) != 0;
    start[axis] = reversed ? x.shape()[axis] - 1 : 0;
    step[axis] = reversed ? -1 : 1;
  }
  return strided_slice(x, x.shape(), start, step);
}

Tensor embed(const Tensor& x, const Shape& shape, const Shape& start, const Shape& step) {
  require(shape.rank() == x.rank() && start.rank() == x.rank() && step.rank() == x.rank(), "embed",
          "a tensor of shape {} needs a shape, starts and steps of the same rank. Give one number per axis.",
          x.shape());
  std::int64_t offset = 0;
  Tensor result = zeros(shape, x.dtype(), x.device());
  Shape strides = result.strides();
  for (int axis = 0; axis < x.rank(); ++axis) {
    const std::int64_t last = start[axis] + (x.shape()[axis] - 1) * step[axis];
    require(x.shape()[axis] == 0 ||
                (std::min(start[axis], last) >= 0 && std::max(start[axis], last) < shape[axis] && step[axis] != 0),
            "embed", "shape {} from {} in steps of {} does not fit into {} on axis {}. Embed it in a larger shape.",
            x.shape(), start[axis], step[axis], shape, axis);
    if (x.numel() > 0) offset += start[axis] * result.strides()[axis];
    strides[axis] *= step[axis];
  }
  Tensor target = Tensor::window(result, x.shape(), strides, offset);
  visit_storage(x.dtype(), [&]<class T>(TypeTag<T>) {
    launch<kernels::Copy<T, T>>("embed", x.device(), kernels::cpu::copy<T, T>, x.view<T>(), fresh_view<T>(target));
  });
  return record<EmbedNode>(std::move(result), {&x}, start, step);
}

}  // namespace orbitgrad
