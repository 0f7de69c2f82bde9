#include "engine/ops/comparison.hpp"

#include "engine/autograd/node.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementwise.hpp"

namespace orbitgrad {

namespace {

template <class Formula>
Tensor compare(std::string_view op, const Tensor& a, const Tensor& b) {
  if (is_half_pair(a.dtype(), b.dtype())) {
    const NoGrad no_grad;
    const auto [p, q] = widened(a, b);
    return compare<Formula>(op, p, q);
  }
  require_same_kind(op, a, b);
  return visit_dtype(
      a.dtype(), [&](auto tag) { return elementwise::binary<Formula, typename decltype(tag)::type, bool>(op, a, b); });
}

void require_bool(std::string_view op, const Tensor& x) {
  require(x.dtype() == DType::boolean, op, "takes bool tensors, got {} {}. Compare first, for example not_equal(x, 0).",
          name(x.dtype()), x.shape());
}

struct WhereNode final : Node {
  std::string_view name() const override { return "where"; }
  Saves saves() const override { return Saves::input(0); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    const Tensor zero = zeros({}, dy.dtype(), dy.device());
    return {Tensor(), needs(1) ? sum_to(where(input(0), dy, zero), input_shape(1)) : Tensor(),
            needs(2) ? sum_to(where(input(0), zero, dy), input_shape(2)) : Tensor()};
  }
};

}  // namespace

Tensor equal(const Tensor& a, const Tensor& b) { return compare<kernels::Equal>("equal", a, b); }
Tensor not_equal(const Tensor& a, const Tensor& b) { return logical_not(equal(a, b)); }
Tensor less(const Tensor& a, const Tensor& b) { return compare<kernels::Less>("less", a, b); }
Tensor less_equal(const Tensor& a, const Tensor& b) { return compare<kernels::LessEqual>("less_equal", a, b); }
Tensor greater(const Tensor& a, const Tensor& b) { return compare<kernels::Less>("greater", b, a); }
Tensor greater_equal(const Tensor& a, const Tensor& b) { return compare<kernels::LessEqual>("greater_equal", b, a); }

Tensor logical_not(const Tensor& x) {
  require_bool("logical_not", x);
  return elementwise::unary<kernels::LogicalNot, bool>("logical_not", x);
}

Tensor logical_and(const Tensor& a, const Tensor& b) {
  require_bool("logical_and", a);
  require_bool("logical_and", b);
  return elementwise::binary<kernels::LogicalAnd, bool>("logical_and", a, b);
}

Tensor logical_or(const Tensor& a, const Tensor& b) {
  require_bool("logical_or", a);
  require_bool("logical_or", b);
  return elementwise::binary<kernels::LogicalOr, bool>("logical_or", a, b);
}

Tensor is_finite(const Tensor& x) {
  if (is_half(x.dtype())) {
    const NoGrad no_grad;
    return is_finite(widened(x));
  }
  return visit_floating("is_finite", x.dtype(), [&](auto tag) {
    return elementwise::unary<kernels::IsFinite, typename decltype(tag)::type, bool>("is_finite", x);
  });
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  require_bool("where", condition);
  if (is_half_pair(a.dtype(), b.dtype()))
    return in_float32(a, b, [&](const Tensor& p, const Tensor& q) { return where(condition, p, q); });
  require_same_kind("where", a, b);
  require_same_device("where", condition, a);
  const Shape shape = broadcast_shapes("where", condition.shape(), broadcast_shapes("where", a.shape(), b.shape()));
  Tensor result = Tensor::empty(shape, a.dtype(), a.device());
  visit_dtype(a.dtype(), [&]<class T>(TypeTag<T>) {
    using elementwise::broadcast_view;
    launch<kernels::WhereSelect<T>>("where", a.device(), kernels::cpu::where<T>, broadcast_view<bool>(condition, shape),
                                    broadcast_view<T>(a, shape), broadcast_view<T>(b, shape), fresh_view<T>(result));
  });
  return record<WhereNode>(std::move(result), {&condition, &a, &b});
}

}  // namespace orbitgrad
