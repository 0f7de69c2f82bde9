// The commands of the program, one file each. A command adds its options to `app` and gives what to do.
#pragma once

#include "engine/device.hpp"
#include "experiments/experiment.hpp"

namespace orbitgrad::experiments {

Action train_command(CLI::App& app);
Action reproduce_command(CLI::App& app);
Action quickstart_command(CLI::App& app);
Action eval_command(CLI::App& app);
Action equivariance_command(CLI::App& app);
Action list_command(CLI::App& app);
Action devices_command(CLI::App& app);
Action bench_command(CLI::App& app);
Action op_command(CLI::App& app);
Action plot_command(CLI::App& app);
Action basis_command(CLI::App& app);
Action groups_command(CLI::App& app);
Action peaks_command(CLI::App& app);
Action tune_command(CLI::App& app);
Action convert_command(CLI::App& app);

/// Makes the action what happens when `app` is called and every word of the command line has been understood.
void act_when_called(CLI::App& app, Action action);

/// Adds --profile, --trace, --check-finite and --memory-limit: the action, seen from inside.
Action watched(CLI::App& app, Action action);

/// --device NAME into `device`, and its meaning. UsageError: no such device; Error: this build or machine lacks it.
void add_device_option(CLI::App& app, std::string& device);
DeviceKind device_of_option(std::string_view op, const std::string& device);

/// UsageError unless "auto" or the name of a group convolution of the device.
void check_implementation(std::string_view op, DeviceKind device, const std::string& implementation);

/// --threads: sets the number of threads of all loops. It cannot change a result.
void add_threads_option(CLI::App& app);

}  // namespace orbitgrad::experiments
