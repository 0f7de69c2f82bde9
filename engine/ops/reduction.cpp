#include "engine/ops/reduction.hpp"

#include <algorithm>
#include <limits>

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/correction.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/widening.hpp"
#include "kernels/reduce/reduce.hpp"

namespace orbitgrad {

namespace {

using kernels::Reduction;

/// Which axes go, the shape that is left, and the shape with the reduced axes as length 1.
struct Plan {
  Plan(std::string_view op, const Tensor& x, const Axes& axes, bool keep_dims) : mask(axis_mask(op, axes, x.rank())) {
    for (int axis = 0; axis < x.rank(); ++axis) {
      const bool reduced = (mask >> axis & 1) != 0;
      kept_dims.push_back(reduced ? 1 : x.shape()[axis]);
      if (reduced)
        count *= x.shape()[axis];
      else
        squeezed.push_back(x.shape()[axis]);
    }
    result = keep_dims ? kept_dims : squeezed;
  }

  /// x with its kept axes first, as the kernels want it.
  template <class T>
  kernels::View<const T> view(const Tensor& x) const {
    kernels::View<const T> ordered{.data = x.data<T>(), .rank = x.rank()};
    int next = 0;
    for (const bool reduced : {false, true})
      for (int axis = 0; axis < x.rank(); ++axis) {
        if (((mask >> axis & 1) != 0) != reduced) continue;
        ordered.size[next] = x.shape()[axis];
        ordered.stride[next++] = x.strides()[axis];
      }
    return ordered;
  }

  std::uint32_t mask;
  std::int64_t count = 1;  // elements reduced into one
  Shape kept_dims, squeezed, result;
};

struct SumNode final : Node {
  explicit SumNode(const Shape& kept_dims) : kept_dims_(kept_dims) {}
  std::string_view name() const override { return "sum"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    return {broadcast_to(reshape(dy, kept_dims_), input_shape(0))};
  }
  Shape kept_dims_;
};

struct ExtremeNode final : Node {
  ExtremeNode(std::string_view op, const Plan& plan) : op_(op), kept_dims_(plan.kept_dims) {
    for (int axis = 0; axis < kernels::max_rank; ++axis)
      if ((plan.mask >> axis & 1) != 0) axes_.push_back(axis);
  }
  std::string_view name() const override { return op_; }
  Saves saves() const override { return Saves::all_inputs() | Saves::the_output(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    // Which elements win is constant in a neighbourhood: no gradient flows through the mask.
    const Tensor extreme = reshape(output().detach(), kept_dims_);
    const Tensor winners = equal(input(0).detach(), extreme).to(dy.dtype());
    return {reshape(dy, kept_dims_) * (winners / sum(winners, axes_, true))};
  }
  std::string_view op_;
  Shape kept_dims_;
  Axes axes_;
};

Tensor reduce(std::string_view op, Reduction reduction, const Tensor& x, const Plan& plan) {
  return visit_dtype(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using Out = std::conditional_t<std::is_same_v<T, bool>, std::int64_t, T>;
    Tensor result = Tensor::empty(plan.result, dtype_of<Out>(), x.device());
    launch<kernels::Reduce<T, Out>>(op, x.device(), kernels::cpu::reduce<T, Out>, reduction, plan.view<T>(x),
                                    plan.squeezed.rank(), fresh_data<Out>(result));
    return result;
  });
}

Tensor extreme(std::string_view op, Reduction reduction, const Tensor& x, const Axes& axes, bool keep_dims) {
  if (is_half(x.dtype()))
    return in_float32(x, [&](const Tensor& wide) { return extreme(op, reduction, wide, axes, keep_dims); });
  require(x.dtype() != DType::boolean, op, "takes numbers, got a bool tensor. Use any or all.");
  const Plan plan(op, x, axes, keep_dims);
  require(plan.count > 0 || plan.squeezed.numel() == 0, op,
          "there is no element to take it of: shape {} is empty on a reduced axis. Leave empty tensors out.",
          x.shape());
  return record<ExtremeNode>(reduce(op, reduction, x, plan), {&x}, op, plan);
}

Tensor arg_extreme(std::string_view op, Reduction reduction, const Tensor& x, int axis, bool keep_dims) {
  if (is_half(x.dtype())) {
    const NoGrad no_grad;
    return arg_extreme(op, reduction, widened(x), axis, keep_dims);
  }
  const Plan plan(op, x, {axis}, keep_dims);
  require(plan.count > 0 || plan.squeezed.numel() == 0, op, "axis {} of shape {} is empty. Leave empty tensors out.",
          axis, x.shape());
  Tensor result = Tensor::empty(plan.result, DType::int64, x.device());
  visit_number(op, x.dtype(), [&]<class T>(TypeTag<T>) {
    launch<kernels::ArgReduce<T>>(op, x.device(), kernels::cpu::arg_reduce<T>, reduction, plan.view<T>(x),
                                  plan.squeezed.rank(), fresh_data<std::int64_t>(result));
  });
  return result;
}

}  // namespace

Tensor sum(const Tensor& x, const Axes& axes, bool keep_dims) {
  if (is_half(x.dtype())) return in_float32(x, [&](const Tensor& wide) { return sum(wide, axes, keep_dims); });
  const Plan plan("sum", x, axes, keep_dims);
  return record<SumNode>(reduce("sum", Reduction::sum, x, plan), {&x}, plan.kept_dims);
}

Tensor mean(const Tensor& x, const Axes& axes, bool keep_dims) {
  if (is_half(x.dtype())) return in_float32(x, [&](const Tensor& wide) { return mean(wide, axes, keep_dims); });
  require(is_floating(x.dtype()), "mean", "takes float32 or float64, got {}. Convert it first with to().",
          name(x.dtype()));
  const Plan plan("mean", x, axes, keep_dims);
  return sum(x, axes, keep_dims) / static_cast<double>(plan.count);
}

Tensor variance(const Tensor& x, const Axes& axes, bool keep_dims, int correction) {
  if (is_half(x.dtype()))
    return in_float32(x, [&](const Tensor& wide) { return variance(wide, axes, keep_dims, correction); });
  const std::int64_t count = corrected_count("variance", x, axes, correction);
  const Tensor centred = x - mean(x, axes, true);
  // Of nothing 0 / 0, whatever the correction.
  return sum(centred * centred, axes, keep_dims) / static_cast<double>(std::max<std::int64_t>(count - correction, 0));
}

Tensor max(const Tensor& x, const Axes& axes, bool keep_dims) {
  return extreme("max", Reduction::maximum, x, axes, keep_dims);
}
Tensor min(const Tensor& x, const Axes& axes, bool keep_dims) {
  return extreme("min", Reduction::minimum, x, axes, keep_dims);
}
Tensor argmax(const Tensor& x, int axis, bool keep_dims) {
  return arg_extreme("argmax", Reduction::maximum, x, axis, keep_dims);
}
Tensor argmin(const Tensor& x, int axis, bool keep_dims) {
  return arg_extreme("argmin", Reduction::minimum, x, axis, keep_dims);
}

bool any(const Tensor& x) {
  require(x.dtype() == DType::boolean, "any", "takes bool tensors, got {}. Compare first.", name(x.dtype()));
  return sum(x).item() > 0;
}
bool all(const Tensor& x) {
  require(x.dtype() == DType::boolean, "all", "takes bool tensors, got {}. Compare first.", name(x.dtype()));
  return sum(x).item<std::int64_t>() == x.numel();
}

}  // namespace orbitgrad
