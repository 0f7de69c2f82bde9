#include "nn/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/error.hpp"
#include "nn/nearest_name.hpp"

namespace orbitgrad::nn {

namespace {

/// Half a cosine from `from` at 0 to `to` at 1.
double half_cosine(double from, double to, double position) {
  return to + (from - to) * (1 + std::cos(std::numbers::pi * std::clamp(position, 0.0, 1.0))) / 2;
}

/// step / (total - 1) in [0, 1].
double position_of(std::int64_t step, std::int64_t total) {
  if (total <= 1) return 0;
  return std::clamp(static_cast<double>(step) / static_cast<double>(total - 1), 0.0, 1.0);
}

}  // namespace

Schedule constant_schedule(double rate) {
  return [rate](std::int64_t, std::int64_t) { return rate; };
}

Schedule step_schedule(double rate, int pieces, double factor) {
  require(pieces >= 1, "step_schedule", "needs one piece or more, got {}. Correct the number of pieces.", pieces);
  return [=](std::int64_t step, std::int64_t total) {
    const std::int64_t inside = std::clamp<std::int64_t>(step, 0, std::max<std::int64_t>(total - 1, 0));
    const std::int64_t piece = total > 0 ? inside * pieces / total : 0;
    return rate * std::pow(factor, static_cast<double>(piece));
  };
}

Schedule cosine_schedule(double rate, double final_rate) {
  return [=](std::int64_t step, std::int64_t total) { return half_cosine(rate, final_rate, position_of(step, total)); };
}

Schedule one_cycle_schedule(double rate, const OneCycleOptions& options) {
  require(options.warm_up > 0 && options.warm_up < 1, "one_cycle_schedule",
          "the warm-up is {} of all steps. Take a share between 0 and 1.", options.warm_up);
  return [=](std::int64_t step, std::int64_t total) {
    const double position = position_of(step, total);
    if (position < options.warm_up) return half_cosine(rate / options.start_divisor, rate, position / options.warm_up);
    return half_cosine(rate, rate / options.final_divisor, (position - options.warm_up) / (1 - options.warm_up));
  };
}

Schedule warm_up_schedule(std::int64_t steps, Schedule after) {
  require(steps >= 0, "warm_up_schedule", "{} steps are asked for. Take none or more.", steps);
  require(after != nullptr, "warm_up_schedule", "the schedule to follow is empty. Give one.");
  return [=](std::int64_t step, std::int64_t total) {
    const std::int64_t left = std::max<std::int64_t>(total - steps, 1);
    if (step >= steps) return after(step - steps, left);
    return after(0, left) * static_cast<double>(std::max<std::int64_t>(step, 0) + 1) / static_cast<double>(steps + 1);
  };
}

const std::vector<std::string>& schedule_names() {
  static const std::vector<std::string> names{"constant", "step", "cosine", "one_cycle", "warm_up_cosine"};
  return names;
}

Schedule schedule_by_name(std::string_view name, double rate) {
  if (name == "constant") return constant_schedule(rate);
  if (name == "step") return step_schedule(rate);
  if (name == "cosine") return cosine_schedule(rate);
  if (name == "one_cycle") return one_cycle_schedule(rate);
  if (name == "warm_up_cosine")
    return [after = cosine_schedule(rate)](std::int64_t step, std::int64_t total) {
      return warm_up_schedule(total / 20, after)(step, total);
    };
  fail_unknown_name("schedule", "schedule", name, schedule_names());
}

}  // namespace orbitgrad::nn
