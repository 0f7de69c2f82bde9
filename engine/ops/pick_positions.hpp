// y = x at fixed positions along an axis, with zeros where the position is negative, as a linear map of x: what a
// maximum does once its winners are known. Included by op sources only.
#pragma once

#include "engine/ops/linear_map.hpp"
#include "kernels/gather_axis/gather_axis.hpp"

namespace orbitgrad {

struct PickPositions {
  static constexpr std::string_view name = "pick_winners", adjoint_name = "scatter_to_winners";
  kernels::GatherAxisProblem problem;
  Shape in_shape, out_shape;
  Tensor index;  // dense int64 [outer, picks, inner]

  template <class T>
  void forward(DeviceKind device, const T* x, T* y) const {
    launch<kernels::GatherAxis<T>>(name, device, kernels::cpu::gather_axis<T>, problem, x, index.data<std::int64_t>(),
                                   y);
  }
  template <class T>
  void adjoint(DeviceKind device, const T* y, T* x) const {
    launch<kernels::ScatterAddAxis<T>>(adjoint_name, device, kernels::cpu::scatter_add_axis<T>, problem, y,
                                       index.data<std::int64_t>(), x);
  }
};

}  // namespace orbitgrad
