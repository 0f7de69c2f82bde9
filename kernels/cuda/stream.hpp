// The stream all work of the GPU goes to: one a device. A captured step puts its own stream here while it records.
#pragma once

#include <cuda_runtime.h>

namespace orbitgrad::kernels {

inline cudaStream_t& current_stream() {
  static cudaStream_t stream = cudaStreamLegacy;
  return stream;
}

}  // namespace orbitgrad::kernels
