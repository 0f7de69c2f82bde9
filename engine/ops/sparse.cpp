#include "engine/ops/sparse.hpp"

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/row_groups.hpp"
#include "engine/ops/segments.hpp"
#include "engine/ops/transfer.hpp"
#include "engine/ops/widening.hpp"
#include "kernels/sparse_rows/sparse_rows.hpp"

namespace orbitgrad {

namespace {

/// The derivative by x is the product with the transposed matrix; entry (r, c) changes y[r] by x[c].
struct SparseMatmulNode final : Node {
  SparseMatmulNode(SparsePattern pattern, const Tensor& values, const Tensor& x)
      : pattern_(std::move(pattern)),
        has_values_(values.defined()),
        saves_((has_values_ && x.requires_grad() ? Saves::input(0) : Saves::nothing()) |
               (has_values_ && values.requires_grad() ? Saves::input(1) : Saves::nothing())) {}
  std::string_view name() const override { return "sparse_matmul"; }
  Saves saves() const override { return saves_; }
  std::vector<Tensor> backward(const Tensor& dy) override {
    Tensor dvalues, dx;
    if (needs(0)) {
      const Tensor products = take(dy, pattern_.row(), -2) * take(input(1), pattern_.column(), -2);
      Axes all_but_entries;
      for (int axis = 0; axis < products.rank(); ++axis)
        if (axis != products.rank() - 2) all_but_entries.push_back(axis);
      dvalues = sum(products, all_but_entries);
    }
    if (needs(1)) dx = sparse_matmul(pattern_.transposed(), has_values_ ? input(0) : Tensor(), dy);
    return {dvalues, dx};
  }
  SparsePattern pattern_;
  bool has_values_;
  Saves saves_;
};

}  // namespace

SparsePattern SparsePattern::from_coordinates(const Tensor& row, const Tensor& column, std::int64_t rows,
                                              std::int64_t columns) {
  constexpr std::string_view op = "SparsePattern";
  require_same_device(op, row, column);
  require(row.rank() == 1 && row.shape() == column.shape(), op,
          "row and column must be [entries], one number each per entry, got {} and {}. Flatten them.", row.shape(),
          column.shape());
  require(rows >= 0 && columns >= 0, op, "a matrix cannot be {} x {}. Give sizes of 0 or more.", rows, columns);
  return {std::make_shared<const RowGroups>(checked_index(op, row, rows), rows),
          std::make_shared<const RowGroups>(checked_index(op, column, columns), columns)};
}

SparsePattern SparsePattern::from_rows(const Tensor& offset, const Tensor& column, std::int64_t columns) {
  constexpr std::string_view op = "SparsePattern";
  require_same_device(op, offset, column);
  require(offset.dtype() == DType::int64 && offset.rank() == 1 && offset.numel() >= 1 && column.rank() == 1, op,
          "offset must be int64 [rows + 1] and column [entries], got {} {} and {}. Flatten them.", name(offset.dtype()),
          offset.shape(), column.shape());
  const Tensor here = on_host(offset);
  const std::int64_t* start = here.host_data<std::int64_t>();
  const std::int64_t rows = offset.numel() - 1;
  bool is_ordered = start[0] == 0 && start[rows] == column.numel();
  for (std::int64_t r = 0; r < rows; ++r) is_ordered = is_ordered && start[r] <= start[r + 1];
  require(is_ordered, op,
          "offset must rise from 0 to the {} entries. Row r has entries offset[r] to offset[r + 1] - 1.",
          column.numel());
  std::vector<std::int64_t> row;
  row.reserve(static_cast<std::size_t>(column.numel()));
  for (std::int64_t r = 0; r < rows; ++r) row.insert(row.end(), static_cast<std::size_t>(start[r + 1] - start[r]), r);
  return from_coordinates(from_vector(row, {column.numel()}, column.device()), column, rows, columns);
}

std::int64_t SparsePattern::rows() const { return by_row_->rows(); }
std::int64_t SparsePattern::columns() const { return by_column_->rows(); }
std::int64_t SparsePattern::entries() const { return by_row_->count(); }
DeviceKind SparsePattern::device() const { return by_row_->index().device(); }
const Tensor& SparsePattern::row() const { return by_row_->index(); }
const Tensor& SparsePattern::column() const { return by_column_->index(); }
SparsePattern SparsePattern::transposed() const { return {by_column_, by_row_}; }

Tensor sparse_matmul(const SparsePattern& pattern, const Tensor& values, const Tensor& x) {
  constexpr std::string_view op = "sparse_matmul";
  require(x.defined() && x.rank() >= 2 && x.size(-2) == pattern.columns(), op,
          "x must be [..., {}, features] for a matrix of {} columns, got {}. Reshape it.", pattern.columns(),
          pattern.columns(), x.defined() ? x.shape().to_string() : "an undefined tensor");
  require_same_device(op, pattern.row(), x);
  if (values.defined() ? is_half_pair(values.dtype(), x.dtype()) : is_half(x.dtype())) {
    const auto multiply_wide = [&](const Tensor& a, const Tensor& b) {
      return sparse_matmul(pattern, values.defined() ? a : Tensor(), b);
    };
    return in_float32(values.defined() ? values : x, x, multiply_wide);
  }
  if (values.defined()) {
    require_same_kind(op, values, x);
    require(values.shape() == Shape{pattern.entries()}, op,
            "the values must be [{}], one per entry of the pattern, got {}. Flatten them.", pattern.entries(),
            values.shape());
  }
  Shape shape = x.shape();
  shape[x.rank() - 2] = pattern.rows();
  checked_numel(op, shape);
  kernels::SparseRowsProblem problem{.outer = 1,
                                     .rows = pattern.rows(),
                                     .columns = pattern.columns(),
                                     .inner = x.size(-1),
                                     .entries = pattern.entries()};
  for (int axis = 0; axis < x.rank() - 2; ++axis) problem.outer *= x.shape()[axis];
  Tensor result = Tensor::empty(shape, x.dtype(), x.device());
  visit_floating(op, x.dtype(), [&]<class T>(TypeTag<T>) {
    const NoGrad no_grad;
    const RowGroups::Lists& lists = pattern.by_row_->lists();
    const Tensor dense = contiguous(x);
    Tensor column = Tensor::empty({pattern.entries()}, DType::int64, x.device());  // in the order of the rows
    const kernels::TakeRowsProblem by_row{.outer = 1, .size = pattern.entries(), .picks = pattern.entries()};
    launch<kernels::TakeRows<std::int64_t>>(op, x.device(), kernels::cpu::take_rows<std::int64_t>, by_row,
                                            pattern.column().data<std::int64_t>(), lists.entry.data<std::int64_t>(),
                                            fresh_data<std::int64_t>(column));
    const Tensor dense_values = values.defined() ? contiguous(values) : Tensor();
    launch<kernels::SparseProduct<T>>(
        op, x.device(), kernels::cpu::sparse_product<T>, problem, lists.offset.data<std::int64_t>(),
        column.data<std::int64_t>(), lists.entry.data<std::int64_t>(),
        values.defined() ? dense_values.data<T>() : nullptr, dense.data<T>(), fresh_data<T>(result));
  });
  return record<SparseMatmulNode>(std::move(result), {&values, &x}, pattern, values, x);
}

}  // namespace orbitgrad
