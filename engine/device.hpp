// Where a tensor lives and which kernels run on it. A missing GPU is a state, not a failure: ask available().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/dispatch.hpp"

namespace orbitgrad {

using kernels::DeviceKind;

std::string_view name(DeviceKind device);

/// Where tensors are made when nobody says otherwise: the cpu, or what a ScopedDefaultDevice of this thread says.
DeviceKind default_device();

/// While an object of this type lives, tensors made by this thread without a named device are made on this one. Error:
/// this build or machine does not have it.
class ScopedDefaultDevice {
 public:
  explicit ScopedDefaultDevice(DeviceKind device);
  ~ScopedDefaultDevice();
  ScopedDefaultDevice(const ScopedDefaultDevice&) = delete;
  ScopedDefaultDevice& operator=(const ScopedDefaultDevice&) = delete;

 private:
  DeviceKind before_;
};

/// Error of `op` that says why, unless the device can be used.
void require_available(std::string_view op, DeviceKind device);

/// One line of `orbitgrad devices`.
struct DeviceStatus {
  DeviceKind device;
  bool available;
  std::string description;  // what it is, or why it cannot be used
};

std::vector<DeviceStatus> device_statuses();

/// "cpu", "cuda" or "sim"; anything else, or a device this build or machine does not have, is an error.
DeviceKind parse_device(std::string_view text);

}  // namespace orbitgrad
