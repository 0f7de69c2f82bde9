// The kernels that an op of the catalogue meets on a device and their versions, found by running its examples.
#pragma once

#include "engine/catalogue/catalogue.hpp"

namespace orbitgrad::catalogue {

struct KernelOfOp {
  std::string kernel;
  std::vector<std::string> versions;  // each can be forced by name: engine/kernel_versions.hpp
};

/// In float32 and float64, with the first derivatives where there are any, by name. The device must be available.
std::vector<KernelOfOp> kernels_of(const Op& op, DeviceKind device);

}  // namespace orbitgrad::catalogue
