#include "kernels/device_memory.hpp"

namespace orbitgrad::kernels {
namespace {

struct Owner {
  DeviceMemory* (*find)() = nullptr;
  std::string (*describe)() = nullptr;
};

// Filled before main, in any order of the sources.
Owner& owner(DeviceKind device) {
  static Owner owners[static_cast<int>(DeviceKind::sim_traced) + 1] = {};
  return owners[static_cast<int>(device == DeviceKind::sim_traced ? DeviceKind::sim : device)];
}

}  // namespace

DeviceMemory* device_memory(DeviceKind device) {
  const Owner& found = owner(device);
  return found.find == nullptr ? nullptr : found.find();
}

std::string device_description(DeviceKind device) {
  const Owner& found = owner(device);
  return found.describe == nullptr ? "not part of this build (configured with ORBITGRAD_CUDA=OFF or without nvcc)"
                                   : found.describe();
}

void register_device_memory(DeviceKind device, DeviceMemory* (*find)(), std::string (*describe)()) {
  owner(device) = {find, describe};
}

}  // namespace orbitgrad::kernels
