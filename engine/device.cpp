#include "engine/device.hpp"

#include <algorithm>
#include <fstream>

#include "engine/error.hpp"
#include "kernels/device_memory.hpp"
#include "kernels/launch_error.hpp"
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

/// Null for a device that this build or machine lacks; why says what a driver reported about it.
kernels::DeviceMemory* memory_of(DeviceKind device, std::string& why) {
  try {
    return kernels::device_memory(device);
  } catch (const kernels::LaunchError& error) {
    why = error.what();
    return nullptr;
  }
}

DeviceStatus cuda_status() {
#if defined(ORBITGRAD_HAVE_CUDA)
  std::string why = "no GPU was found";
#else
  std::string why = "this build has no CUDA (it needs nvcc and the option ORBITGRAD_CUDA)";
#endif
  const bool is_usable = memory_of(DeviceKind::cuda, why) != nullptr;
  return {DeviceKind::cuda, is_usable, is_usable ? "CUDA kernels on a GPU" : why};
}

DeviceStatus sim_status() {
  std::string why = "this build has no simulator";
  const bool is_usable = memory_of(DeviceKind::sim, why) != nullptr;
  return {DeviceKind::sim, is_usable, is_usable ? "CUDA kernels run and checked on the CPU" : why};
}

thread_local DeviceKind made_on = DeviceKind::cpu;

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

DeviceKind default_device() { return made_on; }

ScopedDefaultDevice::ScopedDefaultDevice(DeviceKind device) : before_(made_on) {
  require_available("default_device", device);
  made_on = device;
}
ScopedDefaultDevice::~ScopedDefaultDevice() { made_on = before_; }

std::vector<DeviceStatus> device_statuses() {
  return {
      {DeviceKind::cpu, true, fmt::format("{}, {} threads", processor_name(), kernels::thread_count())},
      cuda_status(),
      sim_status(),
  };
}

void require_available(std::string_view op, DeviceKind device) {
  if (device == DeviceKind::cpu) return;
  const DeviceStatus status = device == DeviceKind::cuda ? cuda_status() : sim_status();
  require(status.available, op, "{} cannot be used: {}. Use the device cpu.", name(device), status.description);
}

DeviceKind parse_device(std::string_view text) {
  for (const DeviceKind device : {DeviceKind::cpu, DeviceKind::cuda, DeviceKind::sim}) {
    if (name(device) != text) continue;
    require_available("device", device);
    return device;
  }
  fail("device", "there is no device '{}'. Use cpu, cuda or sim.", text);
}

}  // namespace orbitgrad
