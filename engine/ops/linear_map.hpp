// A linear op and its adjoint: each is the derivative of the other, so one template gives every order. Included by op
// sources only. A Map is a value that knows
//   static constexpr std::string_view name, adjoint_name;
//   Shape in_shape, out_shape;
//   template <class T> void forward(DeviceKind device, const T* x, T* y) const;  // dense arrays of these shapes in the
//   template <class T> void adjoint(DeviceKind device, const T* y, T* x) const;  // memory of the device; overwrites
//   the
//                                                                                // second
#pragma once

#include <memory>
#include <utility>

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/widening.hpp"

namespace orbitgrad::linear {

template <class Map, bool is_adjoint>
Tensor run(std::shared_ptr<const Map> map, const Tensor& x);

template <class Map, bool is_adjoint>
struct LinearNode final : Node {
  explicit LinearNode(std::shared_ptr<const Map> map) : map_(std::move(map)) {}
  std::string_view name() const override { return is_adjoint ? Map::adjoint_name : Map::name; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {run<Map, !is_adjoint>(map_, dy)}; }
  std::shared_ptr<const Map> map_;
};

template <class Map, bool is_adjoint>
Tensor run(std::shared_ptr<const Map> map, const Tensor& x) {
  if (is_half(x.dtype())) return in_float32(x, [&](const Tensor& wide) { return run<Map, is_adjoint>(map, wide); });
  constexpr std::string_view op = is_adjoint ? Map::adjoint_name : Map::name;
  Tensor result = Tensor::empty(is_adjoint ? map->in_shape : map->out_shape, x.dtype(), x.device());
  visit_floating(op, x.dtype(), [&]<class T>(TypeTag<T>) {
    const NoGrad no_grad;
    const Tensor dense = contiguous(x);
    if constexpr (is_adjoint)
      map->template adjoint<T>(x.device(), dense.data<T>(), fresh_data<T>(result));
    else
      map->template forward<T>(x.device(), dense.data<T>(), fresh_data<T>(result));
  });
  return record<LinearNode<Map, is_adjoint>>(std::move(result), {&x}, std::move(map));
}

/// y = A x.
template <class Map>
Tensor apply(Map map, const Tensor& x) {
  return run<Map, false>(std::make_shared<const Map>(std::move(map)), x);
}

/// x = A^T y.
template <class Map>
Tensor apply_adjoint(Map map, const Tensor& y) {
  return run<Map, true>(std::make_shared<const Map>(std::move(map)), y);
}

}  // namespace orbitgrad::linear
