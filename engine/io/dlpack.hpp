// DLPack, the C structures by which array libraries hand memory to each other (https://dmlc.github.io/dlpack, version
// 0.8, the layout that every later one can still exchange). Data on the cpu and on CUDA devices goes out without a
// copy.
#pragma once

#include <cstdint>

#include "engine/tensor.hpp"

namespace orbitgrad::dlpack {

enum DeviceType : std::int32_t { dl_cpu = 1, dl_cuda = 2 };
enum TypeCode : std::uint8_t { dl_int = 0, dl_uint = 1, dl_float = 2, dl_bfloat = 4, dl_bool = 6 };

struct DLDevice {
  std::int32_t device_type;
  std::int32_t device_id;
};
struct DLDataType {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  std::int32_t ndim;
  DLDataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; null: dense and row-major
  std::uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(DLManagedTensor* self);
};

/// The memory of x, kept alive until the consumer calls deleter: no copy. Tensors are values, so the consumer must not
/// write. The history of x stays here. Error: x is on the simulator.
DLManagedTensor* to_dlpack(const Tensor& x);

/// A copy of what `managed` describes, in host memory; the deleter has been called when this returns. Error, and then
/// nothing was taken and the deleter is not called: not on the cpu, a dtype we do not have, a rank above 8, a negative
/// or overflowing size, no data.
Tensor from_dlpack(DLManagedTensor* managed);

}  // namespace orbitgrad::dlpack
