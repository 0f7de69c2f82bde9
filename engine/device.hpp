// Where a tensor lives and which kernels run on it. A missing GPU is a state, not a failure: ask available().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/dispatch.hpp"

namespace orbitgrad {

using kernels::DeviceKind;

std::string_view name(DeviceKind device);

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
