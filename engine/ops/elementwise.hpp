// How the elementwise ops call their kernels: check, broadcast, allocate, run; and record_..., which also widen half
// tensors and put the node N behind the result. Included by op sources only.
#pragma once

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/widening.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace orbitgrad::elementwise {

template <class Formula, class T, class Out = T>
Tensor unary(std::string_view op, const Tensor& x) {
  Tensor result = Tensor::empty(x.shape(), dtype_of<Out>(), x.device());
  launch<kernels::Unary<Formula, T, Out>>(op, x.device(), kernels::cpu::unary<Formula, T, Out>, x.view<T>(),
                                          fresh_view<Out>(result));
  return result;
}

template <class Formula>
Tensor unary_floating(std::string_view op, const Tensor& x) {
  return visit_floating(op, x.dtype(), [&](auto tag) { return unary<Formula, typename decltype(tag)::type>(op, x); });
}

template <class Formula>
Tensor unary_number(std::string_view op, const Tensor& x) {
  return visit_number(op, x.dtype(), [&](auto tag) { return unary<Formula, typename decltype(tag)::type>(op, x); });
}

/// The window of x seen through the broadcast shape: repeated axes have stride 0.
template <class T>
kernels::View<const T> broadcast_view(const Tensor& x, const Shape& shape) {
  kernels::View<const T> view{.data = x.data<T>(), .rank = shape.rank()};
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const int in_x = axis - (shape.rank() - x.rank());
    view.size[axis] = shape[axis];
    view.stride[axis] = in_x < 0 || (x.shape()[in_x] == 1 && shape[axis] != 1) ? 0 : x.strides()[in_x];
  }
  return view;
}

template <class Formula, class T, class Out = T>
Tensor binary(std::string_view op, const Tensor& a, const Tensor& b) {
  require_same_device(op, a, b);
  const Shape shape = a.shape() == b.shape() ? a.shape() : broadcast_shapes(op, a.shape(), b.shape());
  Tensor result = Tensor::empty(shape, dtype_of<Out>(), a.device());
  launch<kernels::Binary<Formula, T, Out>>(op, a.device(), kernels::cpu::binary<Formula, T, Out>,
                                           broadcast_view<T>(a, shape), broadcast_view<T>(b, shape),
                                           fresh_view<Out>(result));
  return result;
}

template <class Formula>
Tensor binary_floating(std::string_view op, const Tensor& a, const Tensor& b) {
  require_same_kind(op, a, b);
  return visit_floating(op, a.dtype(),
                        [&](auto tag) { return binary<Formula, typename decltype(tag)::type>(op, a, b); });
}

template <class Formula>
Tensor binary_number(std::string_view op, const Tensor& a, const Tensor& b) {
  require_same_kind(op, a, b);
  return visit_number(op, a.dtype(), [&](auto tag) { return binary<Formula, typename decltype(tag)::type>(op, a, b); });
}

template <class N, class Formula>
Tensor record_unary_floating(std::string_view op, const Tensor& x) {
  if (is_half(x.dtype()))
    return in_float32(x, [&](const Tensor& wide) { return record_unary_floating<N, Formula>(op, wide); });
  return record<N>(unary_floating<Formula>(op, x), {&x});
}

template <class N, class Formula>
Tensor record_unary_number(std::string_view op, const Tensor& x) {
  if (is_half(x.dtype()))
    return in_float32(x, [&](const Tensor& wide) { return record_unary_number<N, Formula>(op, wide); });
  return record<N>(unary_number<Formula>(op, x), {&x});
}

template <class N, class Formula>
Tensor record_binary_floating(std::string_view op, const Tensor& a, const Tensor& b) {
  if (is_half_pair(a.dtype(), b.dtype())) {
    return in_float32(a, b,
                      [&](const Tensor& p, const Tensor& q) { return record_binary_floating<N, Formula>(op, p, q); });
  }
  return record<N>(binary_floating<Formula>(op, a, b), {&a, &b});
}

template <class N, class Formula>
Tensor record_binary_number(std::string_view op, const Tensor& a, const Tensor& b) {
  if (is_half_pair(a.dtype(), b.dtype())) {
    return in_float32(a, b,
                      [&](const Tensor& p, const Tensor& q) { return record_binary_number<N, Formula>(op, p, q); });
  }
  return record<N>(binary_number<Formula>(op, a, b), {&a, &b});
}

}  // namespace orbitgrad::elementwise
