// Tensors from nothing or from host values, on the default device unless another one is named.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "engine/tensor.hpp"

namespace orbitgrad {

/// An integer dtype takes whole numbers of its range only.
Tensor full(const Shape& shape, double value, DType dtype = DType::float32, DeviceKind device = default_device());
Tensor zeros(const Shape& shape, DType dtype = DType::float32, DeviceKind device = default_device());
Tensor ones(const Shape& shape, DType dtype = DType::float32, DeviceKind device = default_device());
/// On the device of x.
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);

/// Values of the host on a device, as to_device gives them, that a captured step may ask for: it gets them as they are
/// while it is recorded, in every run. No gradient is recorded then.
Tensor constant_on(const Tensor& values, DeviceKind device);

/// The integers 0 .. count-1 in the dtype.
Tensor arange(std::int64_t count, DType dtype = DType::int64, DeviceKind device = default_device());
/// The identity matrix [size, size].
Tensor identity(std::int64_t size, DType dtype = DType::float32, DeviceKind device = default_device());

/// Row-major values; throws unless their number is that of the shape.
template <class T>
Tensor from_span(std::span<const T> values, const Shape& shape, DeviceKind device = default_device(),
                 std::source_location where = std::source_location::current());

template <class T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape, DeviceKind device = default_device(),
                   std::source_location where = std::source_location::current()) {
  if constexpr (std::is_same_v<T, bool>) {
    // std::vector<bool> packs bits.
    const auto copy = std::make_unique<bool[]>(values.size());
    std::copy(values.begin(), values.end(), copy.get());
    return from_span(std::span<const bool>(copy.get(), values.size()), shape, device, where);
  } else {
    return from_span(std::span<const T>(values), shape, device, where);
  }
}
template <class T>
Tensor from_vector(const std::vector<T>& values, std::source_location where = std::source_location::current()) {
  return from_vector(values, {static_cast<std::int64_t>(values.size())}, default_device(), where);
}

}  // namespace orbitgrad
