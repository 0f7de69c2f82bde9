// A strided window on memory somebody else owns: what an elementwise kernel reads or writes.
// The element at index (i_0, ..., i_{r-1}) is data[sum_a i_a stride_a]; strides count elements and may be 0 (broadcast)
// or negative (flip). Trivially copyable, so it can be a kernel argument.
#pragma once

#include <cstdint>

#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

inline constexpr int max_rank = 8;

template <class T>
struct View {
  T* data = nullptr;
  int rank = 0;
  std::int64_t size[max_rank] = {};
  std::int64_t stride[max_rank] = {};

  ORBITGRAD_HOST_DEVICE std::int64_t numel() const {
    std::int64_t count = 1;
    for (int axis = 0; axis < rank; ++axis) count *= size[axis];
    return count;
  }

  /// Row-major without gaps; axes of size 1 may have any stride.
  ORBITGRAD_HOST_DEVICE bool is_contiguous() const {
    std::int64_t expected = 1;
    for (int axis = rank - 1; axis >= 0; --axis) {
      if (size[axis] != 1 && stride[axis] != expected) return false;
      expected *= size[axis];
    }
    return true;
  }
};

}  // namespace orbitgrad::kernels
