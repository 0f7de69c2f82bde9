#include "nn/loss_scaler.hpp"

#include <algorithm>
#include <cmath>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"

namespace orbitgrad::nn {

namespace {

bool is_scale(double value) {
  int exponent = 0;
  return std::isfinite(value) && value >= 1 && std::frexp(value, &exponent) == 0.5;
}

}  // namespace

LossScaler::LossScaler(const LossScalerOptions& options) : options_(options), scale_(options.initial_scale) {
  require(is_scale(options.initial_scale) && is_scale(options.largest_scale) &&
              options.initial_scale <= options.largest_scale,
          "LossScaler", "the scale {} and its largest value {} must be powers of two from 1 on, in order. Take 65536.",
          options.initial_scale, options.largest_scale);
  require(options.steps_to_double >= 1, "LossScaler", "doubles after {} steps. Take one or more.",
          options.steps_to_double);
}

Tensor LossScaler::scale(const Tensor& loss) const { return loss * scale_; }

bool LossScaler::step(Optimizer& optimizer, double learning_rate, double gradient_scale) {
  if (!optimizer.gradients_are_finite()) {
    require(scale_ > 1, "LossScaler",
            "a gradient is not finite although the loss is not scaled. Lower the learning rate, or train in float32.");
    scale_ /= 2;
    good_steps_ = 0;
    return false;
  }
  optimizer.step(learning_rate, gradient_scale / scale_);
  if (++good_steps_ >= options_.steps_to_double) {
    scale_ = std::min(2 * scale_, options_.largest_scale);
    good_steps_ = 0;
  }
  return true;
}

State LossScaler::state() const {
  return {{"scale", full({}, scale_, DType::float64, DeviceKind::cpu)},
          {"good_steps", full({}, static_cast<double>(good_steps_), DType::int64, DeviceKind::cpu)}};
}

void LossScaler::load_state(const State& state) {
  std::vector<NamedTensor> targets;
  for (const auto& [name, tensor] : this->state()) targets.push_back({name, tensor});
  load_strictly("LossScaler", targets, state);
  const double scale = state.at("scale").item();
  const auto good_steps = state.at("good_steps").item<std::int64_t>();
  require(is_scale(scale) && good_steps >= 0, "LossScaler",
          "the state has the scale {} after {} good steps. Load a state saved by a LossScaler.", scale, good_steps);
  scale_ = scale;
  good_steps_ = good_steps;
}

}  // namespace orbitgrad::nn
