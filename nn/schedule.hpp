// Learning rates as pure functions of (step, total steps): nothing to save, nothing to resume. Steps count from 0.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace orbitgrad::nn {

/// The rate of step `step` of `total`. Steps beyond the last keep the last rate.
using Schedule = std::function<double(std::int64_t step, std::int64_t total)>;

Schedule constant_schedule(double rate);

/// rate factor^floor(pieces step / total): `pieces` equal parts, each with the rate times factor.
Schedule step_schedule(double rate, int pieces = 3, double factor = 0.1);

/// final + (rate - final) (1 + cos(pi step / (total - 1))) / 2: from rate to final.
Schedule cosine_schedule(double rate, double final_rate = 0);

struct OneCycleOptions {
  double warm_up = 0.3;             ///< share of the steps that climb
  double start_divisor = 25;        ///< the first rate is rate / start_divisor
  double final_divisor = 25 * 1e4;  ///< the last rate is rate / final_divisor
};
/// Climbs to `rate` and falls again, both along half cosines (Smith and Topin, 2018).
Schedule one_cycle_schedule(double rate, const OneCycleOptions& options = {});

/// Climbs from rate / (steps + 1) in equal parts during the first `steps`, then follows the other schedule with the
/// steps that are left. Error: steps is negative.
Schedule warm_up_schedule(std::int64_t steps, Schedule after);

/// By name: constant, step, cosine, one_cycle and warm_up_cosine (a twentieth of the steps climb), with the defaults
/// above. Error with the nearest name for any other.
Schedule schedule_by_name(std::string_view name, double rate);
const std::vector<std::string>& schedule_names();

}  // namespace orbitgrad::nn
