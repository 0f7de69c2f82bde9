// The command bench-report.
#pragma once

#include "experiments/experiment.hpp"

namespace orbitgrad::experiments {

Action bench_report_command(CLI::App& app);

}  // namespace orbitgrad::experiments
