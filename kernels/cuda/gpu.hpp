// The wrappers of device.hpp for nvcc: launch, shared memory by type, vector accesses and cp.async. CUDA's own names
// need nothing. Inline PTX of the project lives in this file and mma.hpp.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "kernels/cuda/stream.hpp"
#include "kernels/launch_error.hpp"

#define SIM_UNROLL _Pragma("unroll")

/// A variable in the block's shared memory: `SIM_SHARED(tile, float[32][33]);`.
#define SIM_SHARED(name, ...) __shared__ std::type_identity_t<__VA_ARGS__> name

namespace orbitgrad::kernels {

struct LaunchShape {
  dim3 grid = {};
  dim3 block = {};
  std::size_t shared_bytes = 0;  // dynamic shared memory of each block
};

inline namespace ORBITGRAD_BUILD {

/// Starts the kernel on the device's stream. Throws LaunchError if the launch is refused; what goes wrong inside shows
/// at the next synchronize().
template <class... Parameters, class... Arguments>
void launch(std::string_view name, void (*kernel)(Parameters...), const LaunchShape& shape, Arguments... arguments) {
  cudaError_t status = cudaSuccess;
  if (shape.shared_bytes > 0)  // more than 48 KiB, static ones included, has to be asked for
    status = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  static_cast<int>(shape.shared_bytes));
  if (status == cudaSuccess) {
    kernel<<<shape.grid, shape.block, shape.shared_bytes, current_stream()>>>(static_cast<Parameters>(arguments)...);
    status = cudaGetLastError();
  }
  if (status == cudaSuccess) return;
  cudaGetLastError();  // told here, not once more after the next launch
  throw LaunchError("kernel " + std::string(name) + ": " + cudaGetErrorString(status));
}

template <class T>
__device__ T* dynamic_shared() {
  extern __shared__ __align__(128) unsigned char dynamic_shared_bytes[];
  return reinterpret_cast<T*>(dynamic_shared_bytes);
}

/// One access of 8 or 16 bytes; the address must be a multiple of its size.
template <class Vector, class T>
__device__ Vector load(const T* address) {
  return *reinterpret_cast<const Vector*>(address);
}
template <class Vector, class T>
__device__ void store(T* address, Vector value) {
  *reinterpret_cast<Vector*>(address) = value;
}

/// 4, 8 or 16 bytes from global to shared memory without registers; zeros when not valid (PTX ISA, cp.async).
template <int bytes>
__device__ void copy_async(void* shared, const void* global, bool valid = true) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
  const auto destination = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  const int source_bytes = valid ? bytes : 0;
  if constexpr (bytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(destination), "l"(global), "r"(source_bytes));
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(destination), "l"(global), "n"(bytes),
                 "r"(source_bytes));
}
__device__ inline void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
/// Waits until at most `groups_left` of this thread's youngest groups are under way.
template <int groups_left>
__device__ void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(groups_left) : "memory");
}

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
