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

template <class From, class To>
void run_copy(std::string_view op, const Tensor& x, Tensor& result) {
  launch<kernels::Copy<From, To>>(op, x.device(), kernels::cpu::copy<From, To>, x.view<From>(), fresh_view<To>(result));
}

Tensor copied(std::string_view op, const Tensor& x, DType dtype) {
  // Between half types and the rest: float32 holds every half number, float64 every number that is not too long.
  if (is_half(x.dtype()) && dtype != x.dtype() && dtype != DType::float32)
    return copied(op, copied(op, x, DType::float32), dtype);
  if (is_half(dtype) && !is_floating(x.dtype())) return copied(op, copied(op, x, DType::float64), dtype);

  Tensor result = Tensor::empty(x.shape(), dtype, x.device());
  if (x.dtype() == dtype) {
    visit_storage(dtype, [&]<class T>(TypeTag<T>) { run_copy<T, T>(op, x, result); });
  } else if (is_half(x.dtype())) {
    visit_half(x.dtype(), [&]<class From>(TypeTag<From>) { run_copy<From, float>(op, x, result); });
  } else if (is_half(dtype)) {
    visit_half(dtype, [&]<class To>(TypeTag<To>) {
      visit_floating(op, x.dtype(), [&]<class From>(TypeTag<From>) { run_copy<From, To>(op, x, result); });
    });
  } else {
    visit_dtype(x.dtype(), [&]<class From>(TypeTag<From>) {
      visit_dtype(dtype, [&]<class To>(TypeTag<To>) { run_copy<From, To>(op, x, result); });
    });
  }
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
