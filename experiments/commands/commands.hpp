// The commands of the program, one file each. A command adds its options to `app` and gives what to do.
#pragma once

#include "experiments/experiment.hpp"

namespace orbitgrad::experiments {

Action train_command(CLI::App& app);
Action quickstart_command(CLI::App& app);
Action eval_command(CLI::App& app);
Action equivariance_command(CLI::App& app);
Action list_command(CLI::App& app);
Action devices_command(CLI::App& app);

/// Makes the action what happens when `app` is called and every word of the command line has been understood.
void act_when_called(CLI::App& app, Action action);

/// --threads: sets the number of threads of all loops. It cannot change a result.
void add_threads_option(CLI::App& app);

}  // namespace orbitgrad::experiments
