// Shape: up to eight axis lengths (or strides), kept inline so that a tensor header needs no further allocation.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "engine/error.hpp"
#include "kernels/view.hpp"

namespace orbitgrad {

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> values);
  explicit Shape(std::span<const std::int64_t> values);
  explicit Shape(const std::vector<std::int64_t>& values) : Shape(std::span<const std::int64_t>(values)) {}

  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const { return value_[axis]; }
  std::int64_t& operator[](int axis) { return value_[axis]; }
  const std::int64_t* begin() const { return value_; }
  const std::int64_t* end() const { return value_ + rank_; }

  /// Product of all entries; 1 for rank 0.
  std::int64_t numel() const;
  /// Adds an axis at the end. Throws above max_rank.
  void push_back(std::int64_t value);
  /// A copy with `value` inserted before `axis`, and a copy without `axis`.
  Shape with_axis(int axis, std::int64_t value) const;
  Shape without_axis(int axis) const;

  std::string to_string() const;
  friend bool operator==(const Shape& a, const Shape& b);

 private:
  int rank_ = 0;
  std::int64_t value_[kernels::max_rank] = {};
};

/// A list of axes as users write it: negative ones count from the end.
using Axes = std::vector<int>;

/// Strides of a row-major array of that shape.
Shape contiguous_strides(const Shape& shape);

/// The axis in [0, rank); negative counts from the end. Throws an error of `op` that names the range.
int normalize_axis(std::string_view op, int axis, int rank);

/// Sorted, distinct axes as a bit mask; an empty list means all. Throws on repetition.
std::uint32_t axis_mask(std::string_view op, const Axes& axes, int rank);

/// NumPy's rule: align at the right; lengths agree or one of them is 1. Throws an error of `op` that shows both.
Shape broadcast_shapes(std::string_view op, const Shape& a, const Shape& b);

/// Product of the sizes; throws when one is negative or the product overflows int64.
std::int64_t checked_numel(std::string_view op, const Shape& shape);

}  // namespace orbitgrad

/// Lets a message take a shape itself, so that a check that holds formats nothing.
template <>
struct fmt::formatter<orbitgrad::Shape> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const orbitgrad::Shape& shape, Context& context) const {
    return fmt::formatter<std::string_view>::format(shape.to_string(), context);
  }
};
