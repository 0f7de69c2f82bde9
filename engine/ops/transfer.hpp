// Copies of tensors between devices.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

/// The same values in the memory of a device: x itself if they are there, else a dense copy. Differentiable: the
/// gradient goes back to where x is. Error: the device cannot be used, has no room, or a kernel on it failed before;
/// this thread captures a step (the message names `where`).
Tensor to_device(const Tensor& x, DeviceKind device, std::source_location where = std::source_location::current());

/// The same values dense in host memory and without a graph, for reading: x itself if they are.
Tensor on_host(const Tensor& x, std::source_location where = std::source_location::current());

}  // namespace orbitgrad
