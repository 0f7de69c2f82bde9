#include "models/symmetry_cloning/downstream.hpp"

#include <cmath>

#include "engine/autograd/node.hpp"
#include "engine/error.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/update.hpp"
#include "nn/loss.hpp"

namespace orbitgrad::models {

namespace {

using enum DownstreamMode;

std::vector<nn::NamedTensor> prefixed(std::vector<nn::NamedTensor> parameters) {
  for (nn::NamedTensor& parameter : parameters) parameter.name = "network." + parameter.name;
  return parameters;
}

Tensor total(const Tensor& sum, const Tensor& term) { return sum.defined() ? sum + term : term; }

}  // namespace

const std::vector<std::string>& downstream_mode_names() {
  static const std::vector<std::string> names{"frozen",    "init",       "kl_weight", "kl_weight_var",
                                              "kl_output", "kl_feature", "random",    "teacher"};
  return names;
}

std::string_view to_string(DownstreamMode mode) { return downstream_mode_names()[static_cast<std::size_t>(mode)]; }

bool has_divergence(DownstreamMode mode) {
  return mode == kl_weight || mode == kl_weight_var || mode == kl_output || mode == kl_feature;
}

Downstream::Downstream(std::shared_ptr<CloningNetwork> network, const DownstreamOptions& options)
    : network_(std::move(network)), options_(options) {
  constexpr std::string_view op = "Downstream";
  require(std::isfinite(options.lambda) && options.lambda >= 0, op, "lambda is {}. Give 0 or a positive number.",
          options.lambda);
  require(std::isfinite(options.prior_deviation) && options.prior_deviation > 0, op,
          "the deviation of the prior is {}. Give a positive number.", options.prior_deviation);
  require(options.noise_samples > 0, op, "{} samples of noise are asked for. Give one or more.", options.noise_samples);
  require((options.mode == teacher) == network_->students().empty(), op,
          "mode {} is for a network {} students. Build it so.", to_string(options.mode),
          options.mode == teacher ? "without" : "with");
  register_child("network", network_);
  if (has_divergence(options.mode)) initial_ = copy_of(*network_);
  if (initial_ != nullptr)
    for (Tensor& parameter : initial_->parameters()) parameter.set_requires_grad(false);
  if (options.mode == frozen)
    for (nn::NamedTensor& parameter : network_->theta()) parameter.tensor.set_requires_grad(false);
  if (options.mode == kl_weight_var) {
    // Small at first: the network starts as it was cloned.
    const double start = 2 * std::log(options.prior_deviation / 10);
    for (const nn::NamedTensor& parameter : network_->theta())
      log_variances_.push_back(
          register_parameter(fmt::format("log_variance{}", log_variances_.size() + 1),
                             full(parameter.tensor.shape(), start, parameter.tensor.dtype(), network_->device())));
  }
}

std::vector<nn::NamedTensor> Downstream::trained_theta() const {
  return options_.mode == frozen ? std::vector<nn::NamedTensor>{} : prefixed(network_->theta());
}

std::vector<nn::NamedTensor> Downstream::trained_rest() const {
  std::vector<nn::NamedTensor> parameters = prefixed(network_->others());
  for (std::size_t i = 0; i < log_variances_.size(); ++i)
    parameters.push_back({fmt::format("log_variance{}", i + 1), log_variances_[i]});
  return parameters;
}

Tensor Downstream::divergence(const Tensor& x, const Tensor& logits, RandomKey key) const {
  if (!has_divergence(options_.mode) || options_.lambda == 0) return {};
  if (initial_->device() != network_->device()) initial_->to(network_->device());
  const Tensor term = options_.mode == kl_output    ? output_divergence(x, logits, key)
                      : options_.mode == kl_feature ? feature_divergence(key)
                                                    : weight_divergence();
  return term * options_.lambda;
}

Tensor Downstream::weight_divergence() const {
  const auto now = network_->theta(), before = initial_->theta();
  const double precision = 1 / (options_.prior_deviation * options_.prior_deviation);
  Tensor sum;
  std::size_t i = 0;
  for (const auto& student : network_->students()) {
    const auto weights = static_cast<double>(student->parameter_count());
    for (std::size_t of_layer = student->parameters().size(); of_layer > 0; --of_layer, ++i) {
      const Tensor theta = now[i].tensor, &target = before[i].tensor;
      // While weights are drawn theta stands for mu + sigma eps. The factor is 1; its derivative takes from ln sigma^2
      // what restore_weights adds for the gradient of this term, which depends on mu only.
      const auto mean = [&] { return theta - noise_[i] * exp((log_variances_[i] - log_variances_[i].detach()) * 0.5); };
      Tensor term = nn::mse(noise_.empty() ? theta : mean(), target, nn::Reduction::sum) * precision;
      if (!log_variances_.empty()) {
        const Tensor log_ratio = log_variances_[i] + std::log(precision);
        term = term + orbitgrad::sum(exp(log_ratio) - log_ratio) - static_cast<double>(theta.numel());
      }
      sum = total(sum, term * (0.5 / weights));
    }
  }
  return sum;
}

Tensor Downstream::output_divergence(const Tensor& x, const Tensor& logits, RandomKey key) const {
  const Tensor input =
      options_.output_on_noise ? normal(x.shape(), key.split("noise"), 0, 1, x.dtype(), x.device()) : x;
  const Tensor expected = [&] {
    const NoGrad no_grad;
    auto now = network_->others(), before = initial_->others();
    for (std::size_t i = 0; i < now.size(); ++i) assign(before[i].tensor, now[i].tensor.detach());
    return softmax(initial_->forward(input, {}), -1);
  }();
  const Tensor got = options_.output_on_noise ? network_->forward(input, {}) : logits;
  return nn::kl_divergence(log_softmax(got, -1), expected);
}

Tensor Downstream::feature_divergence(RandomKey key) const {
  Tensor sum;
  for (std::size_t i = 0; i < network_->students().size(); ++i) {
    const Student &student = *network_->students()[i], &before = *initial_->students()[i];
    const auto draw = [&](const char* name, std::int64_t size) {
      return size == 0 ? Tensor()
                       : normal({options_.noise_samples, size}, key.split(i).split(name), 0, 1, DType::float32,
                                network_->device());
    };
    const Tensor x = draw("x", student.sizes().in), tau = draw("tau", student.sizes().taps);
    sum = total(sum, nn::mse(student.before_activation(x, tau), before.before_activation(x, tau)) * 0.5);
  }
  return sum;
}

void Downstream::draw_weights(RandomKey key) {
  if (options_.mode != kl_weight_var) return;
  const NoGrad no_grad;
  auto theta = network_->theta();
  means_.clear();
  noise_.clear();
  for (std::size_t i = 0; i < theta.size(); ++i) {
    Tensor& weights = theta[i].tensor;
    means_.push_back(weights.detach() + 0.0);
    noise_.push_back(exp(log_variances_[i].detach() * 0.5) *
                     normal(weights.shape(), key.split(i), 0, 1, weights.dtype(), weights.device()));
    assign(weights, means_.back() + noise_.back());
  }
}

void Downstream::restore_weights() {
  if (means_.empty()) return;
  const NoGrad no_grad;
  auto theta = network_->theta();
  for (std::size_t i = 0; i < theta.size(); ++i) {
    assign(theta[i].tensor, means_[i]);
    const Tensor own = log_variances_[i].grad(), through = theta[i].tensor.grad() * noise_[i] * 0.5;
    log_variances_[i].set_grad(own.defined() ? own + through : through);
  }
  means_.clear();
  noise_.clear();
}

}  // namespace orbitgrad::models
