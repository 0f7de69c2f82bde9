// Chooses the version of a kernel for a device. Checks that tensors meet on one device and have one element type.
#pragma once

#include <string_view>

#include "engine/kernel_clock.hpp"
#include "engine/tensor.hpp"

namespace orbitgrad {

/// Runs `cpu` for tensors in host memory. A device without this kernel is an error of `op`.
template <class Cpu>
void dispatch(std::string_view op, DeviceKind device, Cpu&& cpu) {
  if (device == DeviceKind::cpu)
    KernelClock::run(cpu);
  else
    fail(op, "has no version for the device {}. Move the tensors to the cpu.", name(device));
}

/// Fails unless both tensors are defined, on the same device and of the same dtype.
inline void require_same_kind(std::string_view op, const Tensor& a, const Tensor& b) {
  require(a.device() == b.device(), op, "the tensors are on {} and {}. Move them to one device.", name(a.device()),
          name(b.device()));
  require(a.dtype() == b.dtype(), op, "the tensors are {} {} and {} {}. Convert one with to().", name(a.dtype()),
          a.shape(), name(b.dtype()), b.shape());
}

}  // namespace orbitgrad
