#include "engine/ops/checked_index.hpp"

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/cast.hpp"
#include "kernels/gather_axis/check_index.hpp"

namespace orbitgrad {

namespace {

kernels::IndexFault* place_of_fault(std::string_view op, DeviceKind device, kernels::IndexFault& on_cpu) {
  if (device == DeviceKind::cpu) return &on_cpu;
  try {
    return kernels::index_fault_of(device);
  } catch (const kernels::LaunchError& error) {
    fail_launch(op, device, error);
  }
}

Tensor checked(std::string_view op, const Tensor& index, std::int64_t lowest, std::int64_t length) {
  require(index.dtype() == DType::int64, op, "positions must be int64, got {}. Convert with to(DType::int64).",
          name(index.dtype()));
  const NoGrad no_grad;
  const Tensor dense = contiguous(index);
  Tensor result = Tensor::empty(dense.shape(), DType::int64, dense.device());
  if (dense.numel() == 0) return result;
  require(length > 0, op, "{} positions are asked for where there is none: the length is 0. Use no positions.",
          dense.numel());
  const kernels::CheckIndexProblem problem{.count = dense.numel(), .lowest = lowest, .length = length, .op = op};
  kernels::IndexFault here;
  launch<kernels::CheckIndex>(op, dense.device(), kernels::cpu::check_index, problem, dense.data<std::int64_t>(),
                              fresh_data<std::int64_t>(result), place_of_fault(op, dense.device(), here));
  if (here.found != 0) fail_index(here);
  return result;
}

}  // namespace

Tensor checked_index(std::string_view op, const Tensor& index, std::int64_t length) {
  return checked(op, index, -length, length);
}

Tensor checked_classes(std::string_view op, const Tensor& labels, std::int64_t classes) {
  return checked(op, labels, 0, classes);
}

void fail_index(const kernels::IndexFault& fault) {
  const kernels::CheckIndexProblem& p = fault.problem;
  require(p.lowest < 0, p.op, "label {} at position {} of {} is no class. Use 0 to {}.", fault.value, fault.place,
          p.count, p.length - 1);
  fail(p.op, "position {} is outside an axis of length {}. Use -{} to {}.", fault.value, p.length, p.length,
       p.length - 1);
}

}  // namespace orbitgrad
