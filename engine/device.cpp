#include "engine/device.hpp"

#include <algorithm>
#include <fstream>

#include "engine/error.hpp"
#include "kernels/parallel.hpp"

namespace orbitgrad {

namespace {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "processor";
}

}  // namespace

std::string_view name(DeviceKind device) {
  switch (device) {
    case DeviceKind::cpu:
      return "cpu";
    case DeviceKind::cuda:
      return "cuda";
    case DeviceKind::sim:
    case DeviceKind::sim_traced:
      return "sim";
  }
  return "?";
}

std::vector<DeviceStatus> device_statuses() {
  return {
      {DeviceKind::cpu, true, fmt::format("{}, {} threads", processor_name(), kernels::thread_count())},
      {DeviceKind::cuda, false, "this version has no CUDA kernels yet"},
      {DeviceKind::sim, false, "this version has no CUDA kernels to simulate yet"},
  };
}

DeviceKind parse_device(std::string_view text) {
  for (const DeviceStatus& status : device_statuses()) {
    if (name(status.device) != text) continue;
    require(status.available, "device", "{} cannot be used: {}. Use --device cpu.", text, status.description);
    return status.device;
  }
  fail("device", "there is no device '{}'. Use cpu, cuda or sim.", text);
}

}  // namespace orbitgrad
