#include "models/symmetry_cloning/clone_loop.hpp"

#include <chrono>
#include <cmath>

#include "engine/autograd/node.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/reduction.hpp"
#include "nn/schedule.hpp"

namespace orbitgrad::models {

namespace {

/// sum_i decay^i value_(t - i), divided by the sum of the weights.
class MovingAverage {
 public:
  double add(double value) {
    constexpr double decay = 0.99;
    sum_ = decay * sum_ + value;
    weights_ = decay * weights_ + 1;
    return sum_ / weights_;
  }

 private:
  double sum_ = 0, weights_ = 0;
};

}  // namespace

RandomKey clone_key(std::uint64_t seed) { return RandomKey{seed}.split("symmetry cloning"); }
RandomKey step_key(std::uint64_t seed, std::int64_t step) {
  return clone_key(seed).split("step").split(static_cast<std::uint64_t>(step));
}

Comparison compare(const Tensor& h, const Tensor& y) {
  const Tensor error = sum(square(h - y));
  return {error / static_cast<double>(y.size(0)), error.item(), sum(square(y)).item()};
}

Learner make_learner(std::string_view op, std::vector<nn::NamedTensor> parameters, const CloneOptions& options) {
  for (const auto& [name, tensor] : parameters)
    require(tensor.requires_grad(), op, "the parameter {} is held. Call set_requires_grad() on it.", name);
  if (options.optimizer == CloneOptimizer::sgd) {
    require(options.learning_rate.has_value(), op, "SGD has no known best rate here. Set learning_rate, or use Adam.");
    return {std::make_unique<nn::Sgd>(std::move(parameters)),
            [rate = *options.learning_rate](std::int64_t) { return rate; }};
  }
  return {std::make_unique<nn::Adam>(std::move(parameters)),
          [schedule = nn::cosine_schedule(options.learning_rate.value_or(1e-3)),
           steps = options.stop.steps](std::int64_t step) { return schedule(step, steps); }};
}

double default_stop_nmse(StudentKind kind) {
  if (kind == StudentKind::relu_mlp) return 1e-2;
  return kind == StudentKind::concatenating ? 5e-2 : 1e-6;
}

CloneResult run_clone_loop(std::string_view op, const Learner& learner, double threshold, const CloneOptions& options,
                           const std::function<Comparison(RandomKey)>& compare_on) {
  using Clock = std::chrono::steady_clock;
  const EnableGrad learns;
  const StopCriteria& stop = options.stop;
  const double limit = stop.nmse.value_or(threshold);
  const auto start = Clock::now();
  MovingAverage average;
  std::vector<double> averages;
  CloneResult result;
  for (std::int64_t t = 0;; ++t) {
    const Comparison made = compare_on(step_key(options.seed, t));
    require(std::isfinite(made.error) && std::isfinite(made.target), op,
            "the squared error is {} in step {}. Lower the learning rate, or check the inputs.", made.error, t);
    require(made.target > 0, op, "the outputs of the teacher are all 0 in step {}. Check its inputs and tau.", t);
    CloneProgress now{.step = t, .nmse = made.error / made.target};
    now.average = average.add(now.nmse);
    now.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const std::int64_t earlier = t - stop.patience;
    averages.push_back(now.average);
    // Of the batch itself: the average still remembers the first errors long after a fast clone has ended.
    const bool converged = now.nmse < limit;
    const bool stalled =
        earlier >= 0 && now.average > (1 - stop.improvement) * averages[static_cast<std::size_t>(earlier)];
    const bool ends = converged || stalled || t == stop.steps;
    if (ends || t % options.curve_every == 0) {
      result.curve.push_back(now);
      if (options.progress) options.progress(now);
    }
    if (ends) {
      result.steps = t;
      result.nmse = now.nmse;
      result.average = now.average;
      result.seconds = now.seconds;
      result.reason = converged ? StopReason::converged : stalled ? StopReason::stalled : StopReason::step_limit;
      return result;
    }
    learner.optimizer->clear_gradients();
    made.loss.backward();
    learner.optimizer->step(learner.rate(t));
  }
}

}  // namespace orbitgrad::models
