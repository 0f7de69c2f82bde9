// concat, stack and pad. See shape_ops.hpp.
#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/shape_ops.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace orbitgrad {

namespace {

struct ConcatNode final : Node {
  explicit ConcatNode(int axis) : axis_(axis) {}
  std::string_view name() const override { return "concat"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    std::vector<Tensor> gradients;
    std::int64_t start = 0;
    for (int i = 0; i < input_count(); ++i) {
      const std::int64_t length = input_shape(i)[axis_];
      gradients.push_back(needs(i) ? narrow(dy, axis_, start, length) : Tensor());
      start += length;
    }
    return gradients;
  }
  int axis_;
};

// At most this many tensors are joined by one node, see record.
constexpr std::size_t join_limit = 64;

Tensor concat_few(std::span<const Tensor> parts, int axis) {
  const Tensor& first = parts.front();
  Shape shape = first.shape();
  shape[axis] = 0;
  for (const Tensor& part : parts) {
    require_same_kind("concat", first, part);
    require(part.rank() == first.rank() && part.shape().without_axis(axis) == first.shape().without_axis(axis),
            "concat", "shapes {} and {} differ on an axis other than {}. Only the joined axis may differ.",
            first.shape(), part.shape(), axis);
    shape[axis] += part.shape()[axis];
  }
  Tensor result = Tensor::empty(shape, first.dtype(), first.device());
  std::int64_t start = 0;
  for (const Tensor& part : parts) {
    Tensor target =
        Tensor::window(result, part.shape(), result.strides(), start * (shape.numel() ? result.strides()[axis] : 0));
    visit_storage(first.dtype(), [&]<class T>(TypeTag<T>) {
      launch<kernels::Copy<T, T>>("concat", first.device(), kernels::cpu::copy<T, T>, part.view<T>(),
                                  fresh_view<T>(target));
    });
    start += part.shape()[axis];
  }
  return record<ConcatNode>(std::move(result), parts, axis);
}

// Repeats the axis around itself: positions -before .. length + after - 1, modulo its length.
Tensor pad_circular(const Tensor& x, int axis, Padding padding) {
  const std::int64_t length = x.shape()[axis];
  require(length > 0, "pad", "axis {} of shape {} is empty and cannot be repeated. Use zero padding.", axis, x.shape());
  constexpr std::int64_t most_turns = std::int64_t{1} << 22;
  require(padding.before / length + padding.after / length <= most_turns, "pad",
          "the padding ({}, {}) repeats axis {} of shape {} more than {} times. Use a smaller one.", padding.before,
          padding.after, axis, x.shape(), most_turns);
  std::vector<Tensor> parts;
  std::int64_t position = -padding.before;
  const std::int64_t end = length + padding.after;
  while (position < end) {
    const std::int64_t start = (position % length + length) % length;
    const std::int64_t count = std::min(length - start, end - position);
    parts.push_back(narrow(x, axis, start, count));
    position += count;
  }
  return concat(parts, axis);
}

}  // namespace

Tensor concat(std::span<const Tensor> parts, int axis) {
  require(!parts.empty(), "concat", "there is nothing to join. Give at least one tensor.");
  const int position = normalize_axis("concat", axis, parts.front().rank());
  if (parts.size() == 1) return parts.front();
  if (parts.size() <= join_limit) return concat_few(parts, position);
  std::vector<Tensor> joined;
  for (std::size_t start = 0; start < parts.size(); start += join_limit)
    joined.push_back(concat(parts.subspan(start, std::min(join_limit, parts.size() - start)), position));
  return concat(joined, position);
}

Tensor stack(std::span<const Tensor> parts, int axis) {
  require(!parts.empty(), "stack", "there is nothing to join. Give at least one tensor.");
  std::vector<Tensor> raised;
  for (const Tensor& part : parts) {
    require(part.shape() == parts.front().shape(), "stack", "shapes {} and {} differ. All must agree.",
            parts.front().shape(), part.shape());
    raised.push_back(unsqueeze(part, axis));
  }
  return concat(raised, axis);
}

Tensor pad(const Tensor& x, const std::vector<Padding>& padding, PadMode mode) {
  const int count = static_cast<int>(padding.size());
  require(count <= x.rank(), "pad", "{} paddings are given for shape {}. Give one per axis at most.", count, x.shape());
  Shape shape = x.shape(), start = x.shape(), step = x.shape();
  for (int axis = 0; axis < x.rank(); ++axis) {
    start[axis] = 0;
    step[axis] = 1;
  }
  Tensor result = x;
  for (int i = 0; i < count; ++i) {
    const int axis = x.rank() - count + i;
    const Padding amount = padding[static_cast<std::size_t>(i)];
    require(amount.before >= 0 && amount.after >= 0, "pad",
            "the padding ({}, {}) of axis {} is negative. Use slice to cut.", amount.before, amount.after, axis);
    constexpr std::int64_t most = std::int64_t{1} << 48;  // above what memory holds, and sums stay in range
    require(amount.before <= most && amount.after <= most, "pad",
            "the padding ({}, {}) of axis {} is more than any memory holds. Use a smaller one.", amount.before,
            amount.after, axis);
    if (mode == PadMode::circular) {
      if (amount.before + amount.after > 0) result = pad_circular(result, axis, amount);
      continue;
    }
    shape[axis] += amount.before + amount.after;
    start[axis] = amount.before;
  }
  return mode == PadMode::circular || shape == x.shape() ? result : embed(x, shape, start, step);
}

}  // namespace orbitgrad
