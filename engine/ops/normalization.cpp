#include "engine/ops/normalization.hpp"

#include <cmath>

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/widening.hpp"
#include "kernels/batch_norm/batch_norm.hpp"
#include "kernels/softmax/softmax.hpp"

namespace orbitgrad {

namespace {

// --- softmax and its logarithm, over the last axis ---

template <bool is_log>
constexpr std::string_view softmax_name = is_log ? "log_softmax" : "softmax";

kernels::SoftmaxProblem softmax_problem(const Tensor& x) {
  const std::int64_t columns = x.size(-1);
  return {.rows = columns == 0 ? 0 : x.numel() / columns, .columns = columns};
}

template <bool is_log>
Tensor fused_softmax_backward(const Tensor& y, const Tensor& dy) {
  Tensor dx = Tensor::empty(y.shape(), y.dtype(), y.device());
  visit_floating(softmax_name<is_log>, y.dtype(), [&]<class T>(TypeTag<T>) {
    using Kernel = std::conditional_t<is_log, kernels::LogSoftmaxBackward<T>, kernels::SoftmaxBackward<T>>;
    const Tensor dense = contiguous(dy);
    const auto on_cpu = is_log ? kernels::cpu::log_softmax_backward<T> : kernels::cpu::softmax_backward<T>;
    launch<Kernel>(softmax_name<is_log>, y.device(), on_cpu, softmax_problem(y), y.data<T>(), dense.data<T>(),
                   fresh_data<T>(dx));
  });
  return dx;
}

template <bool is_log>
struct SoftmaxNode final : Node {
  std::string_view name() const override { return softmax_name<is_log>; }
  Saves saves() const override { return Saves::the_output(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    const Tensor y = output();
    if (!GradMode::is_recording()) return {fused_softmax_backward<is_log>(y, dy)};
    if constexpr (is_log)
      return {dy - exp(y) * sum(dy, {-1}, true)};
    else
      return {y * (dy - sum(dy * y, {-1}, true))};
  }
};

template <bool is_log>
Tensor softmax_along_last(const Tensor& x) {
  if (is_half(x.dtype())) return in_float32(x, softmax_along_last<is_log>);
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  visit_floating(softmax_name<is_log>, x.dtype(), [&]<class T>(TypeTag<T>) {
    using Kernel = std::conditional_t<is_log, kernels::LogSoftmaxForward<T>, kernels::SoftmaxForward<T>>;
    const NoGrad no_grad;
    const Tensor dense = contiguous(x);
    const auto on_cpu = is_log ? kernels::cpu::log_softmax_forward<T> : kernels::cpu::softmax_forward<T>;
    launch<Kernel>(softmax_name<is_log>, x.device(), on_cpu, softmax_problem(x), dense.data<T>(), fresh_data<T>(y));
  });
  return record<SoftmaxNode<is_log>>(std::move(y), {&x});
}

template <bool is_log>
Tensor softmax_along(const Tensor& x, int axis) {
  require(x.rank() >= 1, softmax_name<is_log>, "takes a tensor with axes, got a scalar. Reshape it to [1].");
  const int along = normalize_axis(softmax_name<is_log>, axis, x.rank());
  if (along == x.rank() - 1) return softmax_along_last<is_log>(x);
  return transpose(softmax_along_last<is_log>(transpose(x, along, -1)), along, -1);
}

// --- batch normalisation ---

// Inputs of both nodes: x, gamma, beta, mean, variance; the last two count as constants of the batch.
constexpr int x_input = 0, gamma_input = 1, mean_input = 3, variance_input = 4;

Shape per_field(const Tensor& x) {
  Shape shape = x.shape();
  for (int axis = 0; axis < shape.rank(); ++axis) shape[axis] = axis == 1 ? shape[1] : 1;
  return shape;
}

Axes all_but_fields(const Tensor& x) {
  Axes axes = {0};
  for (int axis = 2; axis < x.rank(); ++axis) axes.push_back(axis);
  return axes;
}

template <bool is_training>
struct BatchNormNode final : Node {
  explicit BatchNormNode(const kernels::BatchNormProblem& problem) : problem_(problem) {}
  std::string_view name() const override { return is_training ? "batch_norm_training" : "batch_norm_inference"; }
  Saves saves() const override {
    return Saves::input(x_input) | Saves::input(gamma_input) | Saves::input(mean_input) | Saves::input(variance_input);
  }
  std::vector<Tensor> backward(const Tensor& dy) override {
    return GradMode::is_recording() ? composed(dy) : fused(dy);
  }

 private:
  /// The derivative in differentiable ops: in training mean and variance are functions of x again.
  std::vector<Tensor> composed(const Tensor& dy) {
    const Tensor x = input(x_input);
    const Shape column = per_field(x);
    const Axes others = all_but_fields(x);
    const Tensor centre = is_training ? mean(x, others, true) : reshape(input(mean_input), column);
    const Tensor spread = is_training ? mean(square(x - centre), others, true) : reshape(input(variance_input), column);
    const Tensor rstd = rsqrt(spread + problem_.epsilon) + spread * 0.0;  // NaN if infinite, as in the kernels
    const Tensor h = (x - centre) * rstd;
    const Tensor dbeta = sum(dy, others, true), dgamma = sum(dy * h, others, true);
    Tensor dx;
    if (needs(0)) {
      const auto count = static_cast<double>(problem_.batch * problem_.positions);
      const Tensor inner = is_training ? dy - (dbeta + h * dgamma) / count : dy;
      dx = reshape(input(gamma_input), column) * rstd * inner;
    }
    const Shape fields = {column[1]};
    return {dx, needs(1) ? reshape(dgamma, fields) : Tensor(), needs(2) ? reshape(dbeta, fields) : Tensor(), Tensor(),
            Tensor()};
  }

  std::vector<Tensor> fused(const Tensor& dy) {
    const Tensor x = contiguous(input(x_input)), gamma = contiguous(input(gamma_input)), dense = contiguous(dy);
    const Tensor centre = contiguous(input(mean_input)), spread = contiguous(input(variance_input));
    const auto result = [&](bool wanted, const Shape& shape) {
      return wanted ? Tensor::empty(shape, x.dtype(), x.device()) : Tensor();
    };
    Tensor dx = result(needs(0), x.shape()), dgamma = result(needs(1), gamma.shape()),
           dbeta = result(needs(2), gamma.shape());
    visit_floating(name(), x.dtype(), [&]<class T>(TypeTag<T>) {
      const auto target = [](Tensor& t) -> T* { return t.defined() ? fresh_data<T>(t) : nullptr; };
      // beta matters to the mask of a fused ReLU only.
      launch<kernels::BatchNormBackward<T>>(name(), x.device(), kernels::cpu::batch_norm_backward<T>, problem_,
                                            x.data<T>(), dense.data<T>(), centre.data<T>(), spread.data<T>(),
                                            gamma.data<T>(), nullptr, target(dx), target(dgamma), target(dbeta));
    });
    return {dx, dgamma, dbeta, Tensor(), Tensor()};
  }

  kernels::BatchNormProblem problem_;
};

kernels::BatchNormProblem batch_norm_problem(std::string_view op, const Tensor& x, double epsilon) {
  require(x.defined() && x.rank() >= 2, op, "x must be [N, C, ...], got {}. Add axes with reshape.",
          x.defined() ? x.shape().to_string() : "an undefined tensor");
  require(is_floating(x.dtype()), op, "takes float32 or float64, got {}. Convert it first: x.to(DType::float32).",
          name(x.dtype()));
  require(epsilon >= 0 && std::isfinite(epsilon), op,
          "epsilon must not be negative and must be finite, got {}. Use a small number like 1e-5.", epsilon);
  kernels::BatchNormProblem problem{.batch = x.size(0), .fields = x.size(1), .positions = 1, .epsilon = epsilon};
  for (int axis = 2; axis < x.rank(); ++axis) problem.positions *= x.shape()[axis];
  return problem;
}

void require_field_values(std::string_view op, const Tensor& x, std::initializer_list<const Tensor*> values) {
  constexpr std::string_view names[] = {"gamma", "beta", "mean", "variance"};
  std::size_t which = 0;
  for (const Tensor* value : values) {
    const std::string_view name = names[which++];
    require(value->defined(), op, "{} is undefined. Give a tensor of shape [{}].", name, x.size(1));
    require_same_kind(op, x, *value);
    if (value->shape() != Shape{x.size(1)})
      fail(op, "{} must be [{}], one value per field of x {}, got {}. Reshape it.", name, x.size(1), x.shape(),
           value->shape().to_string());
  }
}

}  // namespace

Tensor softmax(const Tensor& x, int axis) { return softmax_along<false>(x, axis); }
Tensor log_softmax(const Tensor& x, int axis) { return softmax_along<true>(x, axis); }

BatchNormResult batch_norm_training(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon) {
  if (x.defined() && is_half(x.dtype())) {
    // The statistics stay in float32, as gamma and beta may.
    BatchNormResult result = batch_norm_training(widened(x), widened(gamma), widened(beta), epsilon);
    result.y = cast(result.y, x.dtype());
    return result;
  }
  constexpr std::string_view op = "batch_norm_training";
  const kernels::BatchNormProblem problem = batch_norm_problem(op, x, epsilon);
  require_field_values(op, x, {&gamma, &beta});
  require(problem.batch * problem.positions > 0, op,
          "x {} has no elements to take a mean of. Leave empty batches out, or use batch_norm_inference.", x.shape());
  BatchNormResult result{.y = Tensor::empty(x.shape(), x.dtype(), x.device()),
                         .mean = Tensor::empty(gamma.shape(), x.dtype(), x.device()),
                         .variance = Tensor::empty(gamma.shape(), x.dtype(), x.device())};
  visit_floating(op, x.dtype(), [&]<class T>(TypeTag<T>) {
    const NoGrad no_grad;
    launch<kernels::BatchNormForward<T>>(op, x.device(), kernels::cpu::batch_norm_forward<T>, problem,
                                         contiguous(x).data<T>(), contiguous(gamma).data<T>(),
                                         contiguous(beta).data<T>(), fresh_data<T>(result.mean),
                                         fresh_data<T>(result.variance), fresh_data<T>(result.y));
  });
  result.y =
      record<BatchNormNode<true>>(std::move(result.y), {&x, &gamma, &beta, &result.mean, &result.variance}, problem);
  return result;
}

Tensor batch_norm_inference(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& mean,
                            const Tensor& variance, double epsilon) {
  if (x.defined() && is_half(x.dtype())) {
    return cast(
        batch_norm_inference(widened(x), widened(gamma), widened(beta), widened(mean), widened(variance), epsilon),
        x.dtype());
  }
  constexpr std::string_view op = "batch_norm_inference";
  kernels::BatchNormProblem problem = batch_norm_problem(op, x, epsilon);
  problem.batch_statistics = false;
  require_field_values(op, x, {&gamma, &beta, &mean, &variance});
  const Tensor centre = mean.detach(), spread = variance.detach();
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  visit_floating(op, x.dtype(), [&]<class T>(TypeTag<T>) {
    const NoGrad no_grad;
    launch<kernels::BatchNormNormalise<T>>(op, x.device(), kernels::cpu::batch_norm_normalise<T>, problem,
                                           contiguous(x).data<T>(), contiguous(centre).data<T>(),
                                           contiguous(spread).data<T>(), contiguous(gamma).data<T>(),
                                           contiguous(beta).data<T>(), fresh_data<T>(y));
  });
  return record<BatchNormNode<false>>(std::move(y), {&x, &gamma, &beta, &centre, &spread}, problem);
}

}  // namespace orbitgrad
