#include "engine/ops/triangular.hpp"

#include <algorithm>

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace orbitgrad {

namespace {

void require_matrices(std::string_view op, const Tensor& x) {
  require(x.defined() && x.rank() >= 2, op, "takes matrices [..., rows, columns], got {}. Reshape it.",
          x.defined() ? x.shape().to_string() : "an undefined tensor");
}

/// Far beyond any matrix, so that sums stay in range.
std::int64_t bounded(std::int64_t offset) {
  constexpr std::int64_t most = std::int64_t{1} << 48;
  return std::clamp(offset, -most, most);
}

/// column - row of every element [rows, columns].
Tensor diagonal_numbers(const Tensor& x) {
  const auto count = [&](int axis) { return arange(x.size(axis), DType::int64, x.device()); };
  return unsqueeze(count(-1), 0) - unsqueeze(count(-2), 1);
}

std::int64_t diagonal_length(std::int64_t rows, std::int64_t columns, std::int64_t offset) {
  return std::max<std::int64_t>(0, offset >= 0 ? std::min(rows, columns - offset) : std::min(rows + offset, columns));
}

/// The window of a matrix tensor on a diagonal.
Tensor diagonal_window(const Tensor& x, std::int64_t offset) {
  const std::int64_t length = diagonal_length(x.size(-2), x.size(-1), offset);
  const int last = x.rank() - 1;
  Shape shape = x.shape().without_axis(last), strides = x.strides().without_axis(last);
  shape[last - 1] = length;
  strides[last - 1] = x.strides()[last - 1] + x.strides()[last];
  const std::int64_t first = offset >= 0 ? offset * x.strides()[last] : -offset * x.strides()[last - 1];
  return Tensor::window(x, shape, strides, x.body().offset + (shape.numel() == 0 ? 0 : first));
}

struct DiagonalNode final : Node {
  explicit DiagonalNode(std::int64_t offset) : offset_(offset) {}
  std::string_view name() const override { return "diagonal"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    const Shape& shape = input_shape(0);
    return {embed_diagonal(dy, shape[shape.rank() - 2], shape[shape.rank() - 1], offset_)};
  }
  std::int64_t offset_;
};

struct EmbedDiagonalNode final : Node {
  explicit EmbedDiagonalNode(std::int64_t offset) : offset_(offset) {}
  std::string_view name() const override { return "embed_diagonal"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {diagonal(dy, offset_)}; }
  std::int64_t offset_;
};

Tensor where_kept(const Tensor& kept, const Tensor& x) { return where(kept, x, scalar_like(x, 0)); }

}  // namespace

Tensor tril(const Tensor& x, std::int64_t offset) {
  require_matrices("tril", x);
  const Tensor number = diagonal_numbers(x);
  return where_kept(less_equal(number, scalar_like(number, static_cast<double>(bounded(offset)))), x);
}

Tensor triu(const Tensor& x, std::int64_t offset) {
  require_matrices("triu", x);
  const Tensor number = diagonal_numbers(x);
  return where_kept(greater_equal(number, scalar_like(number, static_cast<double>(bounded(offset)))), x);
}

Tensor diagonal(const Tensor& x, std::int64_t offset) {
  require_matrices("diagonal", x);
  offset = bounded(offset);
  return record<DiagonalNode>(diagonal_window(x, offset), {&x}, offset);
}

Tensor embed_diagonal(const Tensor& x, std::int64_t rows, std::int64_t columns, std::int64_t offset) {
  constexpr std::string_view op = "embed_diagonal";
  require(x.defined() && x.rank() >= 1, op, "x must be [..., length]. Reshape a scalar to [1].");
  offset = bounded(offset);
  require(rows >= 0 && columns >= 0 && x.size(-1) == diagonal_length(rows, columns, offset), op,
          "x {} does not fill diagonal {} of a {} x {} matrix. Give the length of the diagonal.", x.shape(), offset,
          rows, columns);
  Shape shape = x.shape();
  shape[x.rank() - 1] = rows;
  shape.push_back(columns);
  Tensor result = zeros(shape, x.dtype(), x.device());
  Tensor target = diagonal_window(result, offset);
  visit_storage(x.dtype(), [&]<class T>(TypeTag<T>) {
    launch<kernels::Copy<T, T>>(op, x.device(), kernels::cpu::copy<T, T>, x.view<T>(), fresh_view<T>(target));
  });
  return record<EmbedDiagonalNode>(std::move(result), {&x}, offset);
}

Tensor trace(const Tensor& x) {
  require_matrices("trace", x);
  return sum(diagonal(x), {-1});
}

}  // namespace orbitgrad
