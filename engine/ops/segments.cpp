#include "engine/ops/segments.hpp"

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/pick_positions.hpp"
#include "engine/ops/row_groups.hpp"
#include "engine/ops/shape_ops.hpp"
#include "kernels/sparse_rows/sparse_rows.hpp"

namespace orbitgrad {

namespace {

/// Lengths before, on and after an axis.
struct Around {
  std::int64_t outer = 1, length, inner = 1;
  Around(const Shape& shape, int axis) : length(shape[axis]) {
    for (int i = 0; i < shape.rank(); ++i) (i < axis ? outer : inner) *= i == axis ? 1 : shape[i];
  }
};

/// Taking rows, and as its adjoint adding rows up by index.
struct TakeMap {
  static constexpr std::string_view name = "take", adjoint_name = "segment_sum";
  kernels::TakeRowsProblem problem;
  Shape in_shape, out_shape;
  std::shared_ptr<const RowGroups> groups;

  template <class T>
  void forward(DeviceKind device, const T* x, T* y) const {
    launch<kernels::TakeRows<T>>(name, device, kernels::cpu::take_rows<T>, problem, x,
                                 groups->index().data<std::int64_t>(), y);
  }
  template <class T>
  void adjoint(DeviceKind device, const T* y, T* x) const {
    const RowGroups::Lists& lists = groups->lists();
    const kernels::SparseRowsProblem sum{.outer = problem.outer,
                                         .rows = problem.size,
                                         .columns = problem.picks,
                                         .inner = problem.inner,
                                         .entries = problem.picks};
    launch<kernels::SparseProduct<T>>(adjoint_name, device, kernels::cpu::sparse_product<T>, sum,
                                      lists.offset.data<std::int64_t>(), lists.entry.data<std::int64_t>(), nullptr,
                                      nullptr, y, x);
  }
};

Shape with_length(Shape shape, int axis, std::int64_t length) {
  shape[axis] = length;
  return shape;
}

/// The axis of x, checked, with one group per segment.
struct Segments {
  Segments(std::string_view op, const Tensor& x, const Tensor& index, std::int64_t count, int axis)
      : along(normalize_axis(op, axis, x.rank())), around(x.shape(), along) {
    require_same_device(op, x, index);
    require(index.shape() == Shape{around.length}, op,
            "the segments of axis {} of x {} must be named by an index [{}], got {}. Name one for each element.", axis,
            x.shape(), around.length, index.shape());
    require(count >= 0, op, "the number of segments must not be negative, got {}. Count them.", count);
    groups = std::make_shared<const RowGroups>(checked_index(op, index, count), count);
    shape = with_length(x.shape(), along, count);
    checked_numel(op, shape);
  }

  int along;
  Around around;
  std::shared_ptr<const RowGroups> groups;
  Shape shape;  // of the result
};

Tensor segment_extreme(std::string_view op, bool minimum, const Tensor& x, const Tensor& index, std::int64_t count,
                       int axis) {
  if (is_half(x.dtype()))
    return in_float32(x, [&](const Tensor& wide) { return segment_extreme(op, minimum, wide, index, count, axis); });
  const Segments segments(op, x, index, count, axis);
  const Around& around = segments.around;
  Tensor winner = Tensor::empty(segments.shape, DType::int64, x.device());
  const kernels::SparseRowsProblem problem{.outer = around.outer,
                                           .rows = count,
                                           .columns = around.length,
                                           .inner = around.inner,
                                           .entries = around.length,
                                           .minimum = minimum};
  visit_floating(op, x.dtype(), [&]<class T>(TypeTag<T>) {
    const NoGrad no_grad;
    const Tensor dense = contiguous(x);
    const RowGroups::Lists& lists = segments.groups->lists();
    launch<kernels::SparseArgExtreme<T>>(op, x.device(), kernels::cpu::sparse_arg_extreme<T>, problem,
                                         lists.offset.data<std::int64_t>(), lists.entry.data<std::int64_t>(),
                                         dense.data<T>(), fresh_data<std::int64_t>(winner));
  });
  return linear::apply(
      PickPositions{{around.outer, around.length, count, around.inner}, x.shape(), segments.shape, winner}, x);
}

}  // namespace

namespace {

Tensor take_for(std::string_view op, const Tensor& x, const Tensor& index, int axis) {
  const int along = normalize_axis(op, axis, x.rank());
  require_same_device(op, x, index);
  const Around around(x.shape(), along);
  const std::int64_t picks = index.numel();
  auto groups =
      std::make_shared<const RowGroups>(reshape(checked_index(op, index, around.length), {picks}), around.length);
  Shape shape;
  for (int i = 0; i < along; ++i) shape.push_back(x.shape()[i]);
  for (const std::int64_t length : index.shape()) shape.push_back(length);
  for (int i = along + 1; i < x.rank(); ++i) shape.push_back(x.shape()[i]);
  TakeMap map{{around.outer, around.length, picks, around.inner}, x.shape(), shape, std::move(groups)};
  if (is_floating(x.dtype())) return linear::apply(std::move(map), x);
  Tensor result = Tensor::empty(shape, x.dtype(), x.device());
  visit_dtype(x.dtype(),
              [&]<class T>(TypeTag<T>) { map.forward(x.device(), contiguous(x).data<T>(), fresh_data<T>(result)); });
  return result;
}

}  // namespace

Tensor take(const Tensor& x, const Tensor& index, int axis) { return take_for("take", x, index, axis); }

Tensor embedding(const Tensor& weight, const Tensor& index) {
  require(weight.rank() == 2, "embedding", "the table must be [V, D], got {}. Reshape it, or use take.",
          weight.shape());
  return take_for("embedding", weight, index, 0);
}

Tensor segment_sum(const Tensor& x, const Tensor& index, std::int64_t count, int axis) {
  const Segments segments("segment_sum", x, index, count, axis);
  const Around& around = segments.around;
  return linear::apply_adjoint(
      TakeMap{{around.outer, count, around.length, around.inner}, segments.shape, x.shape(), segments.groups}, x);
}

Tensor segment_mean(const Tensor& x, const Tensor& index, std::int64_t count, int axis) {
  if (is_half(x.dtype()))
    return in_float32(x, [&](const Tensor& wide) { return segment_mean(wide, index, count, axis); });
  const Tensor total = segment_sum(x, index, count, axis);
  const int along = normalize_axis("segment_mean", axis, x.rank());
  Shape column = total.shape();
  for (int i = 0; i < column.rank(); ++i) column[i] = i == along ? count : 1;
  const NoGrad no_grad;
  const Tensor each = ones(index.shape(), x.dtype(), x.device());
  const Tensor members = maximum(segment_sum(each, index, count), scalar_like(x, 1));
  const EnableGrad again;
  return total / reshape(members, column);
}

Tensor segment_max(const Tensor& x, const Tensor& index, std::int64_t count, int axis) {
  return segment_extreme("segment_max", false, x, index, count, axis);
}
Tensor segment_min(const Tensor& x, const Tensor& index, std::int64_t count, int axis) {
  return segment_extreme("segment_min", true, x, index, count, axis);
}

}  // namespace orbitgrad
