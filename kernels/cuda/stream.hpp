// The stream all work of the GPU goes to: one a device. A thread that records a graph puts the graph's stream here.
#pragma once

#include <cuda_runtime.h>

namespace orbitgrad::kernels {

inline cudaStream_t& current_stream() {
  thread_local cudaStream_t stream = cudaStreamLegacy;
  return stream;
}

}  // namespace orbitgrad::kernels
