#include "engine/shape.hpp"

#include <algorithm>

#include "engine/error.hpp"

namespace orbitgrad {

Shape::Shape(std::initializer_list<std::int64_t> values)
    : Shape(std::span<const std::int64_t>(values.begin(), values.size())) {}

Shape::Shape(std::span<const std::int64_t> values) {
  for (const std::int64_t value : values) push_back(value);
}

std::int64_t Shape::numel() const {
  if (std::find(begin(), end(), 0) != end()) return 0;  // the other lengths may multiply to anything
  std::int64_t count = 1;
  for (int axis = 0; axis < rank_; ++axis) count *= value_[axis];
  return count;
}

void Shape::push_back(std::int64_t value) {
  require(rank_ < kernels::max_rank, "shape", "a tensor has at most {} axes. Merge some with reshape.",
          kernels::max_rank);
  value_[rank_++] = value;
}

Shape Shape::with_axis(int axis, std::int64_t value) const {
  Shape result;
  for (int i = 0; i < axis; ++i) result.push_back(value_[i]);
  result.push_back(value);
  for (int i = axis; i < rank_; ++i) result.push_back(value_[i]);
  return result;
}

Shape Shape::without_axis(int axis) const {
  Shape result;
  for (int i = 0; i < rank_; ++i)
    if (i != axis) result.push_back(value_[i]);
  return result;
}

std::string Shape::to_string() const {
  std::string text = "[";
  for (int axis = 0; axis < rank_; ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(value_[axis]);
  }
  text += "]";
  return text;
}

bool operator==(const Shape& a, const Shape& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

Shape contiguous_strides(const Shape& shape) {
  Shape strides = shape;
  std::uint64_t step = 1;  // unsigned: an empty shape may be so long that it wraps, and nobody steps then
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[axis] = static_cast<std::int64_t>(step);
    step *= static_cast<std::uint64_t>(std::max<std::int64_t>(shape[axis], 1));
  }
  return strides;
}

int normalize_axis(std::string_view op, int axis, int rank) {
  require(rank > 0, op, "axis {} does not exist in a scalar. Reshape it to [1] or leave the axes out.", axis);
  require(axis >= -rank && axis < rank, op, "axis {} does not exist in a tensor of rank {}. Use -{} to {}.", axis, rank,
          rank, rank - 1);
  return axis < 0 ? axis + rank : axis;
}

std::uint32_t axis_mask(std::string_view op, const Axes& axes, int rank) {
  if (axes.empty()) return (1u << rank) - 1;
  std::uint32_t mask = 0;
  for (const int axis : axes) {
    const std::uint32_t bit = 1u << normalize_axis(op, axis, rank);
    require((mask & bit) == 0, op, "axis {} is named twice. Name each axis once.", axis);
    mask |= bit;
  }
  return mask;
}

Shape broadcast_shapes(std::string_view op, const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  Shape result;
  for (int axis = 0; axis < rank; ++axis) {
    const int in_a = axis - (rank - a.rank()), in_b = axis - (rank - b.rank());
    const std::int64_t size_a = in_a < 0 ? 1 : a[in_a], size_b = in_b < 0 ? 1 : b[in_b];
    require(size_a == size_b || size_a == 1 || size_b == 1, op,
            "shapes {} and {} do not broadcast: {} against {} on axis {}. Lengths must agree or be 1, counted from the "
            "last axis.",
            a, b, size_a, size_b, axis - rank);
    result.push_back(size_a == 1 ? size_b : size_a);
  }
  return result;
}

std::int64_t checked_numel(std::string_view op, const Shape& shape) {
  std::int64_t count = 1;
  bool overflow = false;
  for (const std::int64_t size : shape) {
    require(size >= 0, op, "shape {} has a negative length. Lengths are 0 or more.", shape);
    overflow = overflow || __builtin_mul_overflow(count, size, &count);
  }
  // A zero anywhere makes the array empty, whatever the other lengths multiply to.
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  require(!overflow, op, "shape {} has more elements than a 64-bit count can hold. Use a smaller shape.", shape);
  return count;
}

}  // namespace orbitgrad
