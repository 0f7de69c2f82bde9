#include "models/baselines/remul.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/autograd/grad.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/reduction.hpp"
#include "models/baselines/group_average.hpp"
#include "nn/loss.hpp"

namespace orbitgrad::models {

namespace {

constexpr double smallest_weight = 1e-3;  // of a loss: a weight of 0 would have no gradient to come back by

double sum_of_squares(const Tensor& x) {
  const Tensor wide = x.detach().to(DType::float64);
  return sum(wide * wide).item();
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

Tensor equivariance_loss(const TensorMap& f, const Tensor& x, const Tensor& y, const LatticeSymmetry& symmetry,
                         const Tensor& g, const Loss& loss) {
  const auto& [group, input, output] = symmetry;
  const Tensor prediction = f(act_each(x, input, group, g)), target = act_each(y, output, group, g);
  return loss ? loss(prediction, target) : nn::mse(prediction, target);
}

double distance_from_average(const TensorMap& f, const Tensor& x, const LatticeSymmetry& symmetry, std::int64_t samples,
                             RandomKey key) {
  const NoGrad no_grad;
  const Tensor y = f(x);
  const Tensor average =
      samples == 0 ? group_average(f, x, symmetry) : sampled_group_average(f, x, symmetry, samples, key);
  const double difference = sum_of_squares(y - average), size = sum_of_squares(y);
  return difference == 0 ? 0 : difference / size;
}

GradNorm::GradNorm(int losses, const GradNormOptions& options) : options_(options) {
  require(losses >= 1, "GradNorm", "weighs one loss or more, got {}. Give their number.", losses);
  require(options.asymmetry >= 0 && options.learning_rate >= 0, "GradNorm",
          "asymmetry and learning rate must not be negative, got {} and {}.", options.asymmetry, options.learning_rate);
  weights_.assign(static_cast<std::size_t>(losses), 1);
  first_losses_.assign(static_cast<std::size_t>(losses), 0);
}

void GradNorm::check_losses(const std::vector<Tensor>& losses) const {
  require(losses.size() == weights_.size(), "GradNorm", "weighs {} losses, got {}. Give all of them, in one order.",
          weights_.size(), losses.size());
  for (const Tensor& loss : losses) require(loss.numel() == 1, "GradNorm", "a loss is {}. Give scalars.", loss.shape());
}

Tensor GradNorm::total(const std::vector<Tensor>& losses) const {
  check_losses(losses);
  Tensor result = losses[0] * weights_[0];
  for (std::size_t i = 1; i < losses.size(); ++i) result = result + losses[i] * weights_[i];
  return result;
}

void GradNorm::update(const std::vector<Tensor>& losses, const std::vector<Tensor>& shared_weights) {
  check_losses(losses);
  std::vector<double> slopes, rates;  // |dL_i/dW|, L_i / L_i(0)
  for (std::size_t i = 0; i < losses.size(); ++i) {
    double squares = 0;
    if (losses[i].requires_grad())
      for (const Tensor& gradient : grad({losses[i]}, shared_weights, {.retain_graph = true, .allow_unused = true}))
        if (gradient.defined()) squares += sum_of_squares(gradient);
    const double loss = losses[i].item();
    require(std::isfinite(squares) && std::isfinite(loss), "GradNorm",
            "loss {} is {}, the square of its gradient {}. Lower the learning rate.", i, loss, squares);
    slopes.push_back(std::sqrt(squares));
    if (first_losses_[i] == 0) first_losses_[i] = loss;
    rates.push_back(first_losses_[i] > 0 ? std::max(loss / first_losses_[i], 0.0) : 1);
  }
  std::vector<double> norms;
  for (std::size_t i = 0; i < losses.size(); ++i) norms.push_back(weights_[i] * slopes[i]);
  const double norm = mean_of(norms), rate = mean_of(rates);
  if (norm == 0 || rate == 0) return;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    const double excess = norms[i] - norm * std::pow(rates[i] / rate, options_.asymmetry);
    const double sign = excess > 0 ? 1 : excess < 0 ? -1 : 0;
    weights_[i] = std::max(weights_[i] - options_.learning_rate * sign * slopes[i] / norm, smallest_weight);
  }
  const double scale = 1 / mean_of(weights_);
  for (double& weight : weights_) weight *= scale;
}

nn::State GradNorm::state() const {
  return {{"weights", from_vector(weights_)}, {"first_losses", from_vector(first_losses_)}};
}

void GradNorm::load_state(const nn::State& state) {
  const nn::State own = this->state();
  nn::load_strictly("GradNorm", {{"weights", own.at("weights")}, {"first_losses", own.at("first_losses")}}, state);
  weights_ = own.at("weights").to_vector<double>();
  first_losses_ = own.at("first_losses").to_vector<double>();
}

}  // namespace orbitgrad::models
