#include "kernels/device_memory.hpp"

namespace orbitgrad::kernels {
namespace {

using Find = DeviceMemory* (*)();

// Filled before main, in any order of the sources.
Find& finder(DeviceKind device) {
  static Find finders[static_cast<int>(DeviceKind::sim_traced) + 1] = {};
  return finders[static_cast<int>(device)];
}

}  // namespace

DeviceMemory* device_memory(DeviceKind device) {
  const Find find = finder(device == DeviceKind::sim_traced ? DeviceKind::sim : device);
  return find == nullptr ? nullptr : find();
}

void register_device_memory(DeviceKind device, DeviceMemory* (*find)()) { finder(device) = find; }

}  // namespace orbitgrad::kernels
