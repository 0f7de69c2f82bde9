#include "engine/ops/creation.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/captured_step.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/transfer.hpp"
#include "kernels/device_table.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace orbitgrad {

namespace {

/// Integers hold no fraction, and nothing beyond their range: x * 0.5 would silently be 0 for an integer tensor.
template <class T>
void require_representable(double value) {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    constexpr double beyond = -2.0 * static_cast<double>(std::numeric_limits<T>::min() / 2);  // 2^31 or 2^63
    require(value >= -beyond && value < beyond && value == std::trunc(value), "full",
            "{} is not a number of {}. Convert the tensor first: x.to(DType::float32).", value, name(dtype_of<T>()));
  }
}

/// A scalar, or a dense tensor of that shape, on a device: a copy of a cached table. No bytes pass from the host when
/// they did before, so that a step may be captured; its result is the same in each run.
Tensor from_table(const Tensor& values, const Shape& shape, DeviceKind device) {
  Tensor result = Tensor::empty(shape, values.dtype(), device);
  if (result.numel() == 0) return result;
  visit_storage(values.dtype(), [&]<class T>(TypeTag<T>) {
    const std::span<const T> content(values.host_data<T>(), static_cast<std::size_t>(values.numel()));
    const auto table = [&] {
      try {
        return kernels::device_table(device, content);
      } catch (const kernels::LaunchError& error) {
        fail_launch("full", device, error);
      }
    }();
    kernels::View<T> to = fresh_view<T>(result);
    kernels::View<const T> from{.data = table.get(), .rank = to.rank};
    for (int axis = 0; axis < to.rank; ++axis) {
      from.size[axis] = to.size[axis];
      from.stride[axis] = values.numel() == 1 ? 0 : to.stride[axis];
    }
    launch<kernels::Copy<T, T>>("full", device, kernels::cpu::copy<T, T>, from, to);
  });
  return result;
}

}  // namespace

Tensor full(const Shape& shape, double value, DType dtype, DeviceKind device) {
  visit_storage(dtype, [&](auto tag) { require_representable<typename decltype(tag)::type>(value); });
  if (device != DeviceKind::cpu) {
    require_available("full", device);
    return from_table(full({}, value, dtype, DeviceKind::cpu), shape, device);
  }
  Tensor result = Tensor::empty(shape, dtype, device);
  visit_storage(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, bool>)
      std::fill_n(fresh_host_data<T>(result), result.numel(), value != 0);
    else
      std::fill_n(fresh_host_data<T>(result), result.numel(), static_cast<T>(value));
  });
  return result;
}

Tensor zeros(const Shape& shape, DType dtype, DeviceKind device) {
  if (device != DeviceKind::cpu) return full(shape, 0, dtype, device);
  Tensor result = Tensor::empty(shape, dtype, device);
  Storage& storage = *result.body().storage;
  if (storage.bytes > 0) std::memset(storage.data, 0, static_cast<std::size_t>(storage.bytes));
  return result;
}

Tensor ones(const Shape& shape, DType dtype, DeviceKind device) { return full(shape, 1, dtype, device); }
Tensor zeros_like(const Tensor& x) { return zeros(x.shape(), x.dtype(), x.device()); }
Tensor ones_like(const Tensor& x) { return ones(x.shape(), x.dtype(), x.device()); }

Tensor constant_on(const Tensor& values, DeviceKind device) {
  if (device == DeviceKind::cpu || !is_capturing()) return to_device(values, device);
  return from_table(contiguous(values), values.shape(), device);
}

Tensor arange(std::int64_t count, DType dtype, DeviceKind device) {
  if (is_half(dtype)) return cast(arange(count, DType::float64, device), dtype);
  Tensor result = Tensor::empty({count}, dtype, DeviceKind::cpu);
  visit_number("arange", dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* values = fresh_host_data<T>(result);
    for (std::int64_t i = 0; i < count; ++i) values[i] = static_cast<T>(i);
  });
  return constant_on(result, device);
}

Tensor identity(std::int64_t size, DType dtype, DeviceKind device) {
  if (is_half(dtype)) return cast(identity(size, DType::float32, device), dtype);
  Tensor result = zeros({size, size}, dtype, DeviceKind::cpu);
  visit_number("identity", dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (std::int64_t i = 0; i < size; ++i) fresh_host_data<T>(result)[i * (size + 1)] = T{1};
  });
  return constant_on(result, device);
}

template <class T>
Tensor from_span(std::span<const T> values, const Shape& shape, DeviceKind device, std::source_location where) {
  Tensor result = Tensor::empty(shape, dtype_of<T>(), DeviceKind::cpu);
  require(static_cast<std::int64_t>(values.size()) == result.numel(), "from_vector",
          "{} values do not fill the shape {}, which has {}. Give as many values as it has elements.", values.size(),
          shape, result.numel());
  std::copy(values.begin(), values.end(), fresh_host_data<T>(result));
  return to_device(result, device, where);
}
template Tensor from_span(std::span<const float>, const Shape&, DeviceKind, std::source_location);
template Tensor from_span(std::span<const double>, const Shape&, DeviceKind, std::source_location);
template Tensor from_span(std::span<const std::int64_t>, const Shape&, DeviceKind, std::source_location);
template Tensor from_span(std::span<const std::int32_t>, const Shape&, DeviceKind, std::source_location);
template Tensor from_span(std::span<const bool>, const Shape&, DeviceKind, std::source_location);
template Tensor from_span(std::span<const kernels::Bfloat16>, const Shape&, DeviceKind, std::source_location);
template Tensor from_span(std::span<const kernels::Float16>, const Shape&, DeviceKind, std::source_location);

}  // namespace orbitgrad
