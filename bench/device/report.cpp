#include "bench/device/report.hpp"

#include <fmt/chrono.h>

#include <fstream>
#include <thread>

#include "engine/device.hpp"

namespace orbitgrad::bench {

Report::Report(std::string executable, kernels::DeviceKind device, std::filesystem::path path)
    : path_(std::move(path)) {
  context() = {{"date", fmt::format("{:%Y-%m-%dT%H:%M:%S+00:00}", fmt::gmtime(std::time(nullptr)))},
               {"executable", std::move(executable)},
               {"num_cpus", std::thread::hardware_concurrency()},
               {"device", name(device)},
               {"compiler", __VERSION__}};
  for (const DeviceStatus& status : device_statuses())
    if (status.device == device) context()["device_description"] = status.description;
  json_["benchmarks"] = nlohmann::json::array();
  write();
}

void Report::add(nlohmann::json entry) {
  entry["run_type"] = "iteration";
  std::string line = entry["name"].get<std::string>();
  for (const auto& [key, value] : entry.items())
    if (value.is_number()) line += fmt::format("  {} {:.4g}", key, value.get<double>());
  fmt::print("{}\n", line);
  std::fflush(stdout);
  json_["benchmarks"].push_back(std::move(entry));
  write();
}

void Report::add_error(const std::string& name, const std::string& why) {
  ++errors_;
  fmt::print("{}  ERROR: {}\n", name, why);
  std::fflush(stdout);
  json_["benchmarks"].push_back(
      {{"name", name}, {"run_type", "iteration"}, {"error_occurred", true}, {"error_message", why}});
  write();
}

void Report::leave_out(const std::string& name) {
  context()["left_out"].push_back(name);
  write();
}

void Report::write() const {
  if (path_.empty()) return;
  const std::filesystem::path unfinished = path_.string() + ".part";
  std::ofstream(unfinished) << json_.dump(1) << '\n';
  std::filesystem::rename(unfinished, path_);
}

}  // namespace orbitgrad::bench
