#include "engine/ops/transfer.hpp"

#include "engine/autograd/node.hpp"
#include "engine/captured_step.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/checked_index.hpp"
#include "kernels/device_memory.hpp"
#include "kernels/gather_axis/check_index.hpp"

namespace orbitgrad {

namespace {

struct ToDeviceNode final : Node {
  explicit ToDeviceNode(DeviceKind from) : from_(from) {}
  std::string_view name() const override { return "to_device"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {to_device(dy, from_)}; }
  DeviceKind from_;
};

/// The bytes of a dense tensor into another of the same shape; one of the two is in host memory.
void copy_bytes(const Tensor& from, Tensor& to) {
  visit_storage(from.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const std::int64_t bytes = from.numel() * item_size(from.dtype());
    const bool is_from_host = from.device() == DeviceKind::cpu;
    const DeviceKind device = is_from_host ? to.device() : from.device();
    try {
      kernels::DeviceMemory& memory = *kernels::device_memory(device);
      if (is_from_host)
        memory.copy_to_device(fresh_data<T>(to), from.host_data<T>(), bytes);
      else
        memory.copy_to_host(fresh_host_data<T>(to), from.data<T>(), bytes);
      if (!is_from_host)
        if (const auto fault = kernels::take_index_fault(device)) fail_index(*fault);
    } catch (const kernels::LaunchError& error) {
      fail_launch("to_device", device, error);
    }
  });
}

}  // namespace

Tensor to_device(const Tensor& x, DeviceKind device, std::source_location where) {
  if (x.device() == device) return x;
  require_available("to_device", device);
  if (device == DeviceKind::cpu)
    refuse_while_capturing("to_device", "a later run would not read this value. Return the tensor, read it after.",
                           &where);
  else
    refuse_while_capturing("to_device", "later runs would see the same values. Make the tensor an input of the step.",
                           &where);
  Tensor result = Tensor::empty(x.shape(), x.dtype(), device);
  if (x.numel() > 0) {
    const NoGrad no_grad;
    const Tensor dense = contiguous(x);
    if (x.device() == DeviceKind::cpu || device == DeviceKind::cpu) {
      copy_bytes(dense, result);
    } else {
      Tensor here = Tensor::empty(x.shape(), x.dtype(), DeviceKind::cpu);
      copy_bytes(dense, here);
      copy_bytes(here, result);
    }
  }
  return record<ToDeviceNode>(std::move(result), {&x}, x.device());
}

Tensor on_host(const Tensor& x, std::source_location where) {
  const NoGrad no_grad;
  return to_device(contiguous(x), DeviceKind::cpu, where);
}

}  // namespace orbitgrad
