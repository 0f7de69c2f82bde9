#include "engine/device.hpp"

#include <algorithm>

#include "engine/error.hpp"
#include "engine/machine.hpp"
#include "groups/printable.hpp"
#include "kernels/device_memory.hpp"
#include "kernels/instruction_set.hpp"
#include "kernels/launch_error.hpp"
#include "kernels/parallel.hpp"

namespace orbitgrad {

namespace {

DeviceStatus status_of(DeviceKind device) {
  if (device == DeviceKind::cpu)
    return {device, true,
            fmt::format("{}, {} threads, kernels for {}", processor_name(), kernels::thread_count(),
                        kernels::instruction_set())};
  try {
    return {device, kernels::device_memory(device) != nullptr, kernels::device_description(device)};
  } catch (const kernels::LaunchError& error) {  // there, but it cannot even reserve memory
    return {device, false, error.what()};
  }
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
  return {status_of(DeviceKind::cpu), status_of(DeviceKind::cuda), status_of(DeviceKind::sim)};
}

void require_available(std::string_view op, DeviceKind device) {
  if (device == DeviceKind::cpu) return;
  const DeviceStatus status = status_of(device);
  require(status.available, op, "{} cannot be used: {}. Use the device cpu.", name(device), status.description);
}

DeviceKind parse_device(std::string_view text) {
  for (const DeviceKind device : {DeviceKind::cpu, DeviceKind::cuda, DeviceKind::sim}) {
    if (name(device) != text) continue;
    require_available("device", device);
    return device;
  }
  fail("device", "there is no device '{}'. Use cpu, cuda or sim.", printable(text));
}

}  // namespace orbitgrad
