#include "engine/ops/layer_normalization.hpp"

#include "engine/dispatch.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/shape_ops.hpp"

namespace orbitgrad {

namespace {

/// Every row of x, cut into `rows` rows of equal length, to mean 0 and variance 1. A row is a field of a batch of one.
Tensor normalised_rows(const Tensor& x, std::int64_t rows, double epsilon) {
  if (x.numel() == 0) return x;
  const Tensor one = ones({rows}, x.dtype(), x.device()), zero = zeros({rows}, x.dtype(), x.device());
  return reshape(batch_norm_training(reshape(x, {1, rows, x.numel() / rows}), one, zero, epsilon).y, x.shape());
}

Tensor scaled(std::string_view op, const Tensor& normalised, const Shape& parameters, const Shape& column,
              const Tensor& weight, const Tensor& bias) {
  const auto check = [&](const Tensor& parameter, std::string_view name) {
    require_same_kind(op, normalised, parameter);
    require(parameter.shape() == parameters, op, "the {} must be {} for x {}, got {}. Reshape it.", name, parameters,
            normalised.shape(), parameter.shape());
    return reshape(parameter, column);
  };
  const Tensor y = weight.defined() ? normalised * check(weight, "weight") : normalised;
  return bias.defined() ? y + check(bias, "bias") : y;
}

void require_input(std::string_view op, const Tensor& x, double epsilon) {
  require(x.defined() && is_floating(x.dtype()), op, "x must be a float32 or float64 tensor, got {}. Convert it first.",
          x.defined() ? name(x.dtype()) : "an undefined one");
  require(epsilon >= 0, op, "epsilon must not be negative, got {}. Use a small number like 1e-5.", epsilon);
}

Tensor grouped(std::string_view op, const Tensor& x, std::int64_t groups, const Tensor& weight, const Tensor& bias,
               double epsilon) {
  const std::int64_t channels = x.size(1);
  Shape column;
  for (int axis = 1; axis < x.rank(); ++axis) column.push_back(axis == 1 ? channels : 1);
  return scaled(op, normalised_rows(x, x.size(0) * groups, epsilon), {channels}, column, weight, bias);
}

void require_channels(std::string_view op, const Tensor& x) {
  require(x.rank() >= 2, op, "x must be [N, C, ...], got {}. Add axes with reshape.", x.shape());
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
  return scaled(op, normalised_rows(x, rows, epsilon), normalised, normalised, weight, bias);
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
