#include "engine/ops/sorting.hpp"

#include "engine/ops/creation.hpp"
#include "engine/ops/pick_positions.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/transfer.hpp"
#include "engine/ops/widening.hpp"
#include "kernels/sort/sort.hpp"

namespace orbitgrad {

namespace {

/// Positions [..., kept] of the first elements of the rows of a dense x [..., columns].
Tensor row_order(std::string_view op, const Tensor& x, std::int64_t kept, bool descending) {
  const std::int64_t columns = x.size(-1);
  Shape shape = x.shape();
  shape[x.rank() - 1] = kept;
  Tensor order = Tensor::empty(shape, DType::int64, x.device());
  const kernels::ArgsortProblem problem{
      .rows = columns == 0 ? 0 : x.numel() / columns, .columns = columns, .kept = kept, .descending = descending};
  visit_number(op, x.dtype(), [&]<class T>(TypeTag<T>) {
    launch<kernels::Argsort<T>>(op, x.device(), kernels::cpu::argsort<T>, problem, x.data<T>(),
                                fresh_data<std::int64_t>(order));
  });
  return order;
}

/// What a sort compares: x without graph with the axis last and dense; bool as numbers, half types as float32.
Tensor keys(const Tensor& x, int along) {
  const Tensor moved = transpose(x.detach(), along, -1);
  return contiguous(x.dtype() == DType::boolean ? cast(moved, DType::int32) : widened(moved));
}

/// y[..., k] = x[..., order[..., k]], differentiable if x is floating. The order is known to be valid.
Tensor pick(const Tensor& x, const Tensor& order) {
  const std::int64_t columns = x.size(-1);
  PickPositions map{{.outer = columns == 0 ? 0 : x.numel() / columns, .size = columns, .picks = order.size(-1)},
                    x.shape(),
                    order.shape(),
                    order};
  if (is_floating(x.dtype())) return linear::apply(std::move(map), x);
  Tensor result = Tensor::empty(order.shape(), x.dtype(), x.device());
  visit_dtype(x.dtype(),
              [&]<class T>(TypeTag<T>) { map.forward(x.device(), contiguous(x).data<T>(), fresh_data<T>(result)); });
  return result;
}

int checked_axis(std::string_view op, const Tensor& x, int axis) {
  require(x.defined() && x.rank() >= 1, op, "takes a tensor with axes. Reshape a scalar to [1].");
  return normalize_axis(op, axis, x.rank());
}

Sorted first_of(std::string_view op, const Tensor& x, int along, std::int64_t kept, bool descending) {
  const Tensor order = row_order(op, keys(x, along), kept, descending);
  return {transpose(pick(transpose(x, along, -1), order), along, -1), transpose(order, along, -1)};
}

}  // namespace

Sorted sort(const Tensor& x, int axis, bool descending) {
  const int along = checked_axis("sort", x, axis);
  return first_of("sort", x, along, x.shape()[along], descending);
}

Tensor argsort(const Tensor& x, int axis, bool descending) {
  const int along = checked_axis("argsort", x, axis);
  return transpose(row_order("argsort", keys(x, along), x.shape()[along], descending), along, -1);
}

Sorted topk(const Tensor& x, std::int64_t k, int axis, bool largest) {
  const int along = checked_axis("topk", x, axis);
  require(k >= 0 && k <= x.shape()[along], "topk", "{} elements were asked for, axis {} of x {} has {}. Ask for fewer.",
          k, axis, x.shape(), x.shape()[along]);
  return first_of("topk", x, along, k, largest);
}

Unique unique(const Tensor& x) {
  require(x.defined(), "unique", "x is undefined. Give a tensor.");
  if (is_half(x.dtype())) {
    Unique result = unique(widened(x.detach()));
    result.values = cast(result.values, x.dtype());
    return result;
  }
  const Tensor flat = reshape(x.detach(), {x.numel()});
  const Tensor order = row_order("unique", keys(flat, 0), x.numel(), false), sorted = pick(flat, order);
  const Tensor host_order = on_host(order), host_sorted = on_host(sorted);
  const std::int64_t* position = host_order.host_data<std::int64_t>();
  std::vector<std::int64_t> first, counts, inverse(static_cast<std::size_t>(x.numel()));
  visit_dtype(x.dtype(), [&]<class T>(TypeTag<T>) {
    const T* value = host_sorted.host_data<T>();
    for (std::int64_t i = 0; i < x.numel(); ++i) {
      if (i == 0 || kernels::is_below(value[i - 1], value[i])) {
        first.push_back(i);
        counts.push_back(0);
      }
      ++counts.back();
      inverse[static_cast<std::size_t>(position[i])] = static_cast<std::int64_t>(first.size()) - 1;
    }
  });
  const Shape found = {static_cast<std::int64_t>(first.size())};
  return {pick(sorted, from_vector(first, found, x.device())), from_vector(inverse, x.shape(), x.device()),
          from_vector(counts, found, x.device())};
}

Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool after_equals) {
  constexpr std::string_view op = "searchsorted";
  require(sorted.defined() && values.defined(), op, "both arguments must be tensors, got an undefined one. Give both.");
  if (is_half_pair(sorted.dtype(), values.dtype())) {
    const auto [rows, wanted] = widened(sorted.detach(), values.detach());
    return searchsorted(rows, wanted, after_equals);
  }
  require_same_kind(op, sorted, values);
  require(sorted.rank() >= 1, op, "takes sorted rows [..., n], got a scalar. Reshape it to [1].");
  kernels::SearchSortedProblem problem{
      .rows = 1, .columns = sorted.size(-1), .values = values.numel(), .after_equals = after_equals};
  if (sorted.rank() > 1) {
    const int last = sorted.rank() - 1;
    require(values.rank() == sorted.rank() && values.shape().without_axis(last) == sorted.shape().without_axis(last),
            op, "values {} do not lie in the rows of {}. Leading axes must agree, or give one sorted row [n].",
            values.shape(), sorted.shape());
    problem.rows = sorted.shape().without_axis(last).numel();
    problem.values = values.size(-1);
  }
  Tensor place = Tensor::empty(values.shape(), DType::int64, values.device());
  const NoGrad no_grad;
  const Tensor rows = contiguous(sorted), wanted = contiguous(values);
  visit_number(op, values.dtype(), [&]<class T>(TypeTag<T>) {
    launch<kernels::SearchSorted<T>>(op, values.device(), kernels::cpu::search_sorted<T>, problem, rows.data<T>(),
                                     wanted.data<T>(), fresh_data<std::int64_t>(place));
  });
  return place;
}

}  // namespace orbitgrad
