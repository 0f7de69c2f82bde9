#include "models/symmetry_cloning/clone_options.hpp"

#include <cmath>

#include "nn/nearest_name.hpp"

namespace orbitgrad::models {

namespace {

template <class Enum>
Enum by_name(std::string_view what, std::string_view name, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<Enum>(i);
  nn::fail_unknown_name("clone", what, name, names);
}

void require_count(std::string_view op, std::string_view what, std::int64_t count) {
  require(count > 0, op, "{} is {}. Give a positive number.", what, count);
}

void require_at_least_zero(std::string_view op, std::string_view what, double value) {
  require(std::isfinite(value) && value >= 0, op, "{} is {}. Give a finite number of at least 0.", what, value);
}

}  // namespace

const std::vector<std::string>& clone_mode_names() {
  static const std::vector<std::string> names{"conditional", "fixed_tau", "marginal"};
  return names;
}

const std::vector<std::string>& input_source_names() {
  static const std::vector<std::string> names{"noise", "dataset", "dataset_noise", "orbit_augmented"};
  return names;
}

std::string_view to_string(CloneMode mode) { return clone_mode_names()[static_cast<std::size_t>(mode)]; }
std::string_view to_string(InputSource source) { return input_source_names()[static_cast<std::size_t>(source)]; }
std::string_view to_string(StopReason reason) {
  switch (reason) {
    case StopReason::converged:
      return "converged";
    case StopReason::stalled:
      return "stalled";
    case StopReason::step_limit:
      break;
  }
  return "step_limit";
}

CloneMode clone_mode_by_name(std::string_view name) {
  return by_name<CloneMode>("clone mode", name, clone_mode_names());
}
InputSource input_source_by_name(std::string_view name) {
  return by_name<InputSource>("input source", name, input_source_names());
}

void check_clone_options(std::string_view op, const CloneOptions& options) {
  require_count(op, "the batch", options.batch);
  require_count(op, "curve_every", options.curve_every);
  require_count(op, "stop.patience", options.stop.patience);
  require(options.stop.steps >= 0, op, "stop.steps is {}. Give a number of at least 0.", options.stop.steps);
  require_at_least_zero(op, "sigma", options.sigma);
  require_at_least_zero(op, "stop.improvement", options.stop.improvement);
  require_at_least_zero(op, "stop.nmse", options.stop.nmse.value_or(0));
  require_at_least_zero(op, "the learning rate", options.learning_rate.value_or(0));
  require(options.channels.in > 0 && options.channels.out > 0, op, "the channels are {} -> {}. Give positive numbers.",
          options.channels.in, options.channels.out);
}

}  // namespace orbitgrad::models
