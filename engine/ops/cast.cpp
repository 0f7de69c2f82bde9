#include "engine/ops/cast.hpp"

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "kernels/elementwise/elementwise.hpp"

namespace orbitgrad {

namespace {

struct CastNode final : Node {
  std::string_view name() const override { return "cast"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {cast(dy, input_dtype(0))}; }
};

struct ContiguousNode final : Node {
  std::string_view name() const override { return "contiguous"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {dy}; }
};

Tensor copied(std::string_view op, const Tensor& x, DType dtype) {
  Tensor result = Tensor::empty(x.shape(), dtype, x.device());
  visit_dtype(x.dtype(), [&]<class From>(TypeTag<From>) {
    visit_dtype(dtype, [&]<class To>(TypeTag<To>) {
      launch<kernels::Copy<From, To>>(op, x.device(), kernels::cpu::copy<From, To>, x.view<From>(),
                                      fresh_view<To>(result));
    });
  });
  return result;
}

}  // namespace

Tensor cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  Tensor result = copied("cast", x, dtype);
  if (!is_floating(dtype) || !is_floating(x.dtype())) return result;
  return record<CastNode>(std::move(result), {&x});
}

Tensor contiguous(const Tensor& x) {
  if (x.is_contiguous()) return x;
  return record<ContiguousNode>(copied("contiguous", x, x.dtype()), {&x});
}

}  // namespace orbitgrad
