#include "engine/ops/layer_normalization.hpp"

#include <cmath>

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "kernels/layer_norm/layer_norm.hpp"

namespace orbitgrad {

namespace {

/// Every row of x, cut into `rows` rows of equal length, to mean 0 and variance 1. A row is a field of a batch of one.
Tensor normalised_rows(const Tensor& x, std::int64_t rows, double epsilon) {
  if (x.numel() == 0) return x;
  const Tensor one = ones({rows}, x.dtype(), x.device()), zero = zeros({rows}, x.dtype(), x.device());
  return reshape(batch_norm_training(reshape(x, {1, rows, x.numel() / rows}), one, zero, epsilon).y, x.shape());
}

/// A weight or bias must be of the kind of x and have the shape `parameters`; undefined is allowed.
void require_parameter(std::string_view op, const Tensor& x, std::string_view name, const Tensor& parameter,
                       const Shape& parameters) {
  if (!parameter.defined()) return;
  require_same_kind(op, x, parameter);
  require(parameter.shape() == parameters, op, "the {} must be {} for x {}, got {}. Reshape it.", name, parameters,
          x.shape(), parameter.shape());
}

/// weight and bias in the shape `column`, which broadcasts.
Tensor scaled(const Tensor& normalised, const Shape& column, const Tensor& weight, const Tensor& bias) {
  const Tensor y = weight.defined() ? normalised * reshape(weight, column) : normalised;
  return bias.defined() ? y + reshape(bias, column) : y;
}

void require_input(std::string_view op, const Tensor& x, double epsilon) {
  require(x.defined() && is_floating(x.dtype()), op, "x must be a float32 or float64 tensor, got {}. Convert it first.",
          x.defined() ? name(x.dtype()) : "an undefined one");
  require(epsilon >= 0 && std::isfinite(epsilon), op,
          "epsilon must not be negative and must be finite, got {}. Use a small number like 1e-5.", epsilon);
}

Tensor grouped(std::string_view op, const Tensor& x, std::int64_t groups, const Tensor& weight, const Tensor& bias,
               double epsilon) {
  const std::int64_t channels = x.size(1);
  Shape column;
  for (int axis = 1; axis < x.rank(); ++axis) column.push_back(axis == 1 ? channels : 1);
  require_parameter(op, x, "weight", weight, {channels});
  require_parameter(op, x, "bias", bias, {channels});
  return scaled(normalised_rows(x, x.size(0) * groups, epsilon), column, weight, bias);
}

void require_channels(std::string_view op, const Tensor& x) {
  require(x.rank() >= 2, op, "x must be [N, C, ...], got {}. Add axes with reshape.", x.shape());
}

// Inputs of the node: x, weight, bias, mean, variance; the last two are functions of x and get no gradient.
constexpr int x_input = 0, weight_input = 1, mean_input = 3, variance_input = 4;

template <class T>
const T* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<T>() : nullptr;
}

struct LayerNormNode final : Node {
  LayerNormNode(const kernels::LayerNormProblem& problem, bool has_weight)
      : problem_(problem), has_weight_(has_weight) {}
  std::string_view name() const override { return "layer_norm"; }
  Saves saves() const override {
    return Saves::input(x_input) | Saves::input(weight_input) | Saves::input(mean_input) | Saves::input(variance_input);
  }
  std::vector<Tensor> backward(const Tensor& dy) override {
    return GradMode::is_recording() ? composed(dy) : in_one_pass(dy);
  }

 private:
  Tensor weight() const { return has_weight_ ? input(weight_input) : Tensor(); }

  /// In differentiable ops: mean and variance are functions of x again.
  std::vector<Tensor> composed(const Tensor& dy) const {
    const Shape table = {problem_.rows, problem_.columns}, row = {problem_.columns};
    const Tensor x = reshape(input(x_input), table), rows_of_dy = reshape(dy, table), weight = this->weight();
    const Tensor centred = x - mean(x, {1}, true), variance = mean(square(centred), {1}, true);
    const Tensor rstd = rsqrt(variance + problem_.epsilon) + variance * 0.0;  // NaN if infinite, as in the kernel
    const Tensor h = centred * rstd, g = weight.defined() ? rows_of_dy * reshape(weight, row) : rows_of_dy;
    std::vector<Tensor> result(5);
    if (needs(0)) result[0] = reshape(rstd * (g - mean(g, {1}, true) - h * mean(g * h, {1}, true)), dy.shape());
    if (needs(1)) result[1] = reshape(sum(rows_of_dy * h, {0}), input_shape(1));
    if (needs(2)) result[2] = reshape(sum(rows_of_dy, {0}), input_shape(2));
    return result;
  }

  std::vector<Tensor> in_one_pass(const Tensor& dy) const {
    const Tensor x = contiguous(input(x_input)), dense = contiguous(dy), weight = this->weight();
    const Tensor dense_weight = weight.defined() ? contiguous(weight) : weight;
    std::vector<Tensor> result(5);
    for (int i = 0; i < 3; ++i)
      if (needs(i)) result[static_cast<std::size_t>(i)] = Tensor::empty(input_shape(i), x.dtype(), x.device());
    visit_floating(name(), x.dtype(), [&]<class T>(TypeTag<T>) {
      const auto target = [](Tensor& t) -> T* { return t.defined() ? fresh_data<T>(t) : nullptr; };
      launch<kernels::LayerNormBackward<T>>(name(), x.device(), kernels::cpu::layer_norm_backward<T>, problem_,
                                            x.data<T>(), dense.data<T>(), input(mean_input).data<T>(),
                                            input(variance_input).data<T>(), data_or_null<T>(dense_weight),
                                            target(result[0]), target(result[1]), target(result[2]));
    });
    return result;
  }

  kernels::LayerNormProblem problem_;
  bool has_weight_;
};

Tensor layer_norm_in_one_pass(const Tensor& x, const kernels::LayerNormProblem& problem, const Tensor& weight,
                              const Tensor& bias) {
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  Tensor mean = Tensor::empty({problem.rows}, x.dtype(), x.device());
  Tensor variance = Tensor::empty({problem.rows}, x.dtype(), x.device());
  visit_floating("layer_norm", x.dtype(), [&]<class T>(TypeTag<T>) {
    const NoGrad no_grad;
    const auto dense = [](const Tensor& t) { return t.defined() ? contiguous(t) : t; };
    const Tensor dense_weight = dense(weight), dense_bias = dense(bias);
    launch<kernels::LayerNormForward<T>>("layer_norm", x.device(), kernels::cpu::layer_norm_forward<T>, problem,
                                         contiguous(x).data<T>(), data_or_null<T>(dense_weight),
                                         data_or_null<T>(dense_bias), fresh_data<T>(mean), fresh_data<T>(variance),
                                         fresh_data<T>(y));
  });
  return record<LayerNormNode>(std::move(y), {&x, &weight, &bias, &mean, &variance}, problem, weight.defined());
}

}  // namespace

Tensor layer_norm(const Tensor& x, int axes, const Tensor& weight, const Tensor& bias, double epsilon) {
  constexpr std::string_view op = "layer_norm";
  require_input(op, x, epsilon);
  require(axes >= 1 && axes <= x.rank(), op, "{} axes cannot be normalised of x {}. Use 1 to {}.", axes, x.shape(),
          x.rank());
  Shape normalised;
  for (int axis = x.rank() - axes; axis < x.rank(); ++axis) normalised.push_back(x.shape()[axis]);
  const std::int64_t rows = normalised.numel() == 0 ? 0 : x.numel() / normalised.numel();
  require_parameter(op, x, "weight", weight, normalised);
  require_parameter(op, x, "bias", bias, normalised);
  if (rows > 0 && x.device() == DeviceKind::cpu && !is_half(x.dtype()))
    return layer_norm_in_one_pass(x, {rows, normalised.numel(), epsilon}, weight, bias);
  return scaled(normalised_rows(x, rows, epsilon), normalised, weight, bias);
}

Tensor group_norm(const Tensor& x, std::int64_t groups, const Tensor& weight, const Tensor& bias, double epsilon) {
  constexpr std::string_view op = "group_norm";
  require_input(op, x, epsilon);
  require_channels(op, x);
  require(groups >= 1 && x.size(1) % groups == 0, op, "{} groups do not divide the {} channels of x {}. Use a divisor.",
          groups, x.size(1), x.shape());
  return grouped(op, x, groups, weight, bias, epsilon);
}

Tensor instance_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double epsilon) {
  constexpr std::string_view op = "instance_norm";
  require_input(op, x, epsilon);
  require_channels(op, x);
  return grouped(op, x, x.size(1), weight, bias, epsilon);
}

}  // namespace orbitgrad
