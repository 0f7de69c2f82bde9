#include "engine/io/dlpack.hpp"

#include <memory>

#include "engine/error.hpp"

namespace orbitgrad::dlpack {

namespace {

struct Exported {
  DLManagedTensor managed;
  Tensor tensor;
  Shape shape, strides;
};

DLDataType type_of(DType dtype) {
  const TypeCode code = dtype == DType::boolean    ? dl_bool
                        : dtype == DType::bfloat16 ? dl_bfloat
                        : is_floating(dtype)       ? dl_float
                                                   : dl_int;
  return {code, static_cast<std::uint8_t>(8 * item_size(dtype)), 1};
}

DType dtype_of_dlpack(const DLDataType& type) {
  for (const DType dtype :
       {DType::float32, DType::float64, DType::int64, DType::int32, DType::boolean, DType::bfloat16, DType::float16}) {
    const DLDataType known = type_of(dtype);
    if (known.code == type.code && known.bits == type.bits && type.lanes == 1) return dtype;
  }
  fail("from_dlpack", "there is no dtype for code {}, {} bits, {} lanes. Convert it to one of ours before.", type.code,
       type.bits, type.lanes);
}

/// out = the elements of a strided array, in row-major order.
template <class T>
void gather(const T* data, const Shape& shape, const Shape& strides, T* out) {
  const std::int64_t count = shape.numel();
  Shape index = shape;
  for (int axis = 0; axis < shape.rank(); ++axis) index[axis] = 0;
  std::uint64_t place = 0;  // wraps around between elements: the stride of an axis of length 1 may be anything
  for (std::int64_t i = 0; i < count; ++i) {
    out[i] = data[static_cast<std::int64_t>(place)];
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      place += static_cast<std::uint64_t>(strides[axis]);
      if (++index[axis] < shape[axis]) break;
      place -= static_cast<std::uint64_t>(strides[axis]) * static_cast<std::uint64_t>(shape[axis]);
      index[axis] = 0;
    }
  }
}

}  // namespace

DLManagedTensor* to_dlpack(const Tensor& x) {
  require(x.device() == DeviceKind::cpu || x.device() == DeviceKind::cuda, "to_dlpack",
          "a tensor on {} is in memory that other libraries do not know. Copy it first: x.to(DeviceKind::cpu).",
          name(x.device()));
  auto exported = std::make_unique<Exported>(Exported{{}, x.detach(), x.shape(), x.strides()});
  DLTensor& tensor = exported->managed.dl_tensor;
  visit_storage(x.dtype(), [&]<class T>(TypeTag<T>) { tensor.data = const_cast<T*>(x.data<T>()); });
  tensor.device = {x.device() == DeviceKind::cpu ? dl_cpu : dl_cuda, 0};
  tensor.ndim = x.rank();
  tensor.dtype = type_of(x.dtype());
  tensor.shape = x.rank() == 0 ? nullptr : &exported->shape[0];
  tensor.strides = x.rank() == 0 ? nullptr : &exported->strides[0];
  tensor.byte_offset = 0;
  exported->managed.manager_ctx = exported.get();
  exported->managed.deleter = [](DLManagedTensor* self) { delete static_cast<Exported*>(self->manager_ctx); };
  return &exported.release()->managed;
}

Tensor from_dlpack(DLManagedTensor* managed) {
  require(managed != nullptr, "from_dlpack", "there is no tensor: the pointer is null. Give one that was exported.");
  const DLTensor& given = managed->dl_tensor;
  require(given.device.device_type == dl_cpu, "from_dlpack",
          "the data is on device type {}, only the cpu's (1) is read. Copy it to the cpu before.",
          given.device.device_type);
  require(given.ndim >= 0 && given.ndim <= kernels::max_rank, "from_dlpack",
          "the rank is {}, at most {} is possible. Merge axes before.", given.ndim, kernels::max_rank);
  require(given.ndim == 0 || given.shape != nullptr, "from_dlpack",
          "it has {} axes and no shape. Correct the exporter.", given.ndim);
  const DType dtype = dtype_of_dlpack(given.dtype);
  Shape shape;
  for (int axis = 0; axis < given.ndim; ++axis) shape.push_back(given.shape[axis]);
  const std::int64_t count = checked_numel("from_dlpack", shape);
  Shape strides = contiguous_strides(shape);
  if (given.strides != nullptr)
    for (int axis = 0; axis < given.ndim; ++axis) strides[axis] = given.strides[axis];
  require(count == 0 || given.data != nullptr, "from_dlpack", "{} elements and no data. Correct the exporter.", count);
  Tensor result = Tensor::empty(shape, dtype, DeviceKind::cpu);
  if (count > 0)
    visit_storage(dtype, [&]<class T>(TypeTag<T>) {
      const auto* bytes = static_cast<const unsigned char*>(given.data) + given.byte_offset;
      if constexpr (std::is_same_v<T, bool>) {  // any byte but 0 is true
        std::vector<unsigned char> values(static_cast<std::size_t>(count));
        gather(bytes, shape, strides, values.data());
        for (std::int64_t i = 0; i < count; ++i)
          fresh_host_data<bool>(result)[i] = values[static_cast<std::size_t>(i)] != 0;
      } else {
        require(reinterpret_cast<std::uintptr_t>(bytes) % alignof(T) == 0, "from_dlpack",
                "the data is not aligned to its {} bytes. Copy it before.", alignof(T));
        gather(reinterpret_cast<const T*>(bytes), shape, strides, fresh_host_data<T>(result));
      }
    });
  if (managed->deleter != nullptr) managed->deleter(managed);
  return result;
}

}  // namespace orbitgrad::dlpack
