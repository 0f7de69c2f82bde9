// orbitgrad list, orbitgrad devices
#include <fmt/format.h>

#include "engine/device.hpp"
#include "experiments/commands/commands.hpp"

namespace orbitgrad::experiments {

namespace {

void print_list(const char* title, const std::vector<std::string>& lines) {
  fmt::print("  {}\n", title);
  for (const std::string& line : lines) fmt::print("    {}\n", line);
}

void list_experiments() {
  for (const Experiment& experiment : experiments()) {
    fmt::print("{}: {}\n", experiment.name, experiment.description);
    print_list("models", experiment.models);
    print_list("data sets", experiment.datasets);
  }
}

void list_devices() {
  for (const DeviceStatus& status : device_statuses())
    fmt::print("{:<5} {:<13} {}\n", name(status.device), status.available ? "available" : "not available",
               status.description);
}

}  // namespace

Action list_command(CLI::App&) { return list_experiments; }
Action devices_command(CLI::App&) { return list_devices; }

}  // namespace orbitgrad::experiments
