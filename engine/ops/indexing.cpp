#include "engine/ops/indexing.hpp"

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/checked_index.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/segments.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/transfer.hpp"
#include "engine/ops/widening.hpp"
#include "kernels/gather_axis/gather_axis.hpp"

namespace orbitgrad {

namespace {

struct GatherNode final : Node {
  explicit GatherNode(int axis) : axis_(axis) {}
  std::string_view name() const override { return "gather"; }
  Saves saves() const override { return Saves::input(1); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    return {scatter_add(dy, axis_, input(1), input_shape(0)[axis_]), Tensor()};
  }
  int axis_;
};

struct ScatterAddNode final : Node {
  explicit ScatterAddNode(int axis) : axis_(axis) {}
  std::string_view name() const override { return "scatter_add"; }
  Saves saves() const override { return Saves::input(1); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {gather(dy, axis_, input(1)), Tensor()}; }
  int axis_;
};

kernels::GatherAxisProblem problem_along(const Shape& x, int axis, std::int64_t picks) {
  kernels::GatherAxisProblem problem{.outer = 1, .size = x[axis], .picks = picks, .inner = 1};
  for (int i = 0; i < x.rank(); ++i) (i < axis ? problem.outer : problem.inner) *= i == axis ? 1 : x[i];
  return problem;
}

void require_same_but_axis(std::string_view op, const Tensor& x, const Tensor& index, int axis) {
  require(index.rank() == x.rank() && index.shape().without_axis(axis) == x.shape().without_axis(axis), op,
          "positions of shape {} do not fit {} along axis {}. They agree on every other axis.", index.shape(),
          x.shape(), axis);
}

}  // namespace

Tensor gather(const Tensor& x, int axis, const Tensor& index) {
  if (is_half(x.dtype())) return in_float32(x, [&](const Tensor& wide) { return gather(wide, axis, index); });
  const int along = normalize_axis("gather", axis, x.rank());
  require_same_but_axis("gather", x, index, along);
  require_same_device("gather", x, index);
  const Tensor positions = checked_index("gather", index, x.shape()[along]);
  Tensor result = Tensor::empty(positions.shape(), x.dtype(), x.device());
  visit_dtype(x.dtype(), [&]<class T>(TypeTag<T>) {
    const NoGrad no_grad;
    const Tensor dense = contiguous(x);
    launch<kernels::GatherAxis<T>>("gather", x.device(), kernels::cpu::gather_axis<T>,
                                   problem_along(x.shape(), along, positions.shape()[along]), dense.data<T>(),
                                   positions.data<std::int64_t>(), fresh_data<T>(result));
  });
  return record<GatherNode>(std::move(result), {&x, &positions}, along);
}

Tensor scatter_add(const Tensor& source, int axis, const Tensor& index, std::int64_t length) {
  if (is_half(source.dtype()))
    return in_float32(source, [&](const Tensor& wide) { return scatter_add(wide, axis, index, length); });
  const int along = normalize_axis("scatter_add", axis, source.rank());
  require(source.shape() == index.shape(), "scatter_add", "the source is {}, the positions {}. They must agree.",
          source.shape(), index.shape());
  require_same_device("scatter_add", source, index);
  require(length >= 0, "scatter_add", "an axis cannot have length {}. Count its positions.", length);
  const Tensor positions = checked_index("scatter_add", index, length);
  Shape shape = source.shape();
  shape[along] = length;
  Tensor result = Tensor::empty(shape, source.dtype(), source.device());
  visit_floating("scatter_add", source.dtype(), [&]<class T>(TypeTag<T>) {
    const NoGrad no_grad;
    const Tensor dense = contiguous(source);
    launch<kernels::ScatterAddAxis<T>>("scatter_add", source.device(), kernels::cpu::scatter_add_axis<T>,
                                       problem_along(shape, along, positions.shape()[along]), dense.data<T>(),
                                       positions.data<std::int64_t>(), fresh_data<T>(result));
  });
  return record<ScatterAddNode>(std::move(result), {&source, &positions}, along);
}

Tensor index_select(const Tensor& x, int axis, const Tensor& index) {
  const int along = normalize_axis("index_select", axis, x.rank());
  require(index.rank() == 1, "index_select", "positions must have rank 1, got shape {}. Use gather for more.",
          index.shape());
  return take(x, index, along);
}

Tensor one_hot(const Tensor& index, std::int64_t classes, DType dtype) {
  require(classes >= 0, "one_hot", "the number of classes must not be negative, got {}. Count them from 0 up.",
          classes);
  const NoGrad no_grad;
  const Tensor column = unsqueeze(checked_classes("one_hot", index, classes), index.rank());
  return scatter_add(ones(column.shape(), dtype, index.device()), -1, column, classes);
}

}  // namespace orbitgrad
