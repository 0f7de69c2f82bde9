// Reductions inside a warp and a block, in an order fixed by the number of threads: the same bits on every run and, for
// the same shape, on every device. A butterfly of shuffles in the warp, then the warps' results by the first warp.
#pragma once

#include "kernels/cuda/device.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

struct SumOf {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};
/// NaN wins, as in NumPy.
struct MaximumOf {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
};
struct MinimumOf {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a < b || a != a ? a : b;
  }
};

/// Every lane receives combine over the 32 lanes. All 32 must call.
template <class Combine, class T>
__device__ T warp_reduce(T value, Combine combine) {
  for (int distance = warp_size / 2; distance > 0; distance /= 2)
    value = combine(value, __shfl_xor_sync(full_warp, value, distance));
  return value;
}

/// Every thread receives combine over the block. blockDim.x must be a multiple of 32, the other axes 1, and all threads
/// must call. Holds two barriers, so it may be called again at once.
template <class Combine, class T>
__device__ T block_reduce(T value, Combine combine) {
  SIM_SHARED(partial, T[32]);
  const int warps = static_cast<int>(blockDim.x) / warp_size;
  const int warp = static_cast<int>(threadIdx.x) / warp_size, lane = static_cast<int>(threadIdx.x) % warp_size;
  value = warp_reduce(value, combine);
  if (warps == 1) return value;
  if (lane == 0) partial[warp] = value;
  __syncthreads();
  T result = partial[0];
  for (int i = 1; i < warps; ++i) result = combine(result, partial[i]);
  __syncthreads();
  return result;
}

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
