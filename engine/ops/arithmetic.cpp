// The model of an op: the node that holds its derivative, written in differentiable ops, and below it the function that
// checks, computes and records.
#include "engine/ops/arithmetic.hpp"

#include "engine/autograd/node.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/elementwise.hpp"

namespace orbitgrad {

namespace {

struct AddNode final : Node {
  std::string_view name() const override { return "add"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    return {needs(0) ? sum_to(dy, input_shape(0)) : Tensor(), needs(1) ? sum_to(dy, input_shape(1)) : Tensor()};
  }
};

struct SubtractNode final : Node {
  std::string_view name() const override { return "subtract"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    return {needs(0) ? sum_to(dy, input_shape(0)) : Tensor(), needs(1) ? sum_to(-dy, input_shape(1)) : Tensor()};
  }
};

struct MultiplyNode final : Node {
  std::string_view name() const override { return "multiply"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    return {needs(0) ? sum_to(dy * input(1), input_shape(0)) : Tensor(),
            needs(1) ? sum_to(dy * input(0), input_shape(1)) : Tensor()};
  }
};

struct DivideNode final : Node {
  std::string_view name() const override { return "divide"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    const Tensor scaled = dy / input(1);
    return {needs(0) ? sum_to(scaled, input_shape(0)) : Tensor(),
            needs(1) ? sum_to(-(scaled * (input(0) / input(1))), input_shape(1)) : Tensor()};
  }
};

struct PowerNode final : Node {
  std::string_view name() const override { return "power"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    const Tensor base = input(0), exponent = input(1);
    Tensor d_base, d_exponent;
    if (needs(0)) {
      // x^0 is constant, also at x = 0, where 0 * 0^(-1) would be NaN: any other exponent gives 0 there.
      const Tensor is_zero = logical_and(equal(base, zeros_like(base)), equal(exponent, zeros_like(exponent)));
      const Tensor lowered = power(base, where(is_zero, ones_like(exponent), exponent - 1.0));
      d_base = sum_to(dy * (exponent * lowered), input_shape(0));
    }
    if (needs(1)) {
      const Tensor zero = zeros_like(base), is_zero = equal(base, zero);
      const Tensor logarithm = where(is_zero, zero, log(where(is_zero, ones_like(base), base)));
      d_exponent = sum_to(dy * power(base, exponent) * logarithm, input_shape(1));
    }
    return {d_base, d_exponent};
  }
};

struct PowerOfConstantNode final : Node {
  explicit PowerOfConstantNode(double exponent) : exponent_(exponent) {}
  std::string_view name() const override { return "power"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    if (exponent_ == 0) return {Tensor()};
    return {dy * (power(input(0), exponent_ - 1) * exponent_)};
  }
  double exponent_;
};

// maximum and minimum: the gradient goes where the winner came from.
template <bool is_maximum>
struct ExtremeNode final : Node {
  std::string_view name() const override { return is_maximum ? "maximum" : "minimum"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    const Tensor a = input(0).detach(), b = input(1).detach();
    const Tensor first = logical_or(is_maximum ? less_equal(b, a) : less_equal(a, b), not_equal(a, a));  // or a is NaN
    const Tensor zero = zeros_like(dy);
    return {needs(0) ? sum_to(where(first, dy, zero), input_shape(0)) : Tensor(),
            needs(1) ? sum_to(where(first, zero, dy), input_shape(1)) : Tensor()};
  }
};

struct NegateNode final : Node {
  std::string_view name() const override { return "negate"; }
  Saves saves() const override { return Saves::nothing(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {-dy}; }
};

struct AbsoluteNode final : Node {
  std::string_view name() const override { return "absolute"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {dy * sign(input(0))}; }
};

}  // namespace

Tensor scalar_like(const Tensor& x, double value) { return full({}, value, x.dtype(), x.device()); }

Tensor with_number(BinaryOp op, const Tensor& x, double number) {
  if (is_half(x.dtype())) return in_float32(x, [&](const Tensor& wide) { return with_number(op, wide, number); });
  return op(x, scalar_like(x, number));
}

Tensor with_number(BinaryOp op, double number, const Tensor& x) {
  if (is_half(x.dtype())) return in_float32(x, [&](const Tensor& wide) { return with_number(op, number, wide); });
  return op(scalar_like(x, number), x);
}

Tensor add(const Tensor& a, const Tensor& b) {
  return elementwise::record_binary_number<AddNode, kernels::Add>("add", a, b);
}

Tensor subtract(const Tensor& a, const Tensor& b) {
  return elementwise::record_binary_number<SubtractNode, kernels::Subtract>("subtract", a, b);
}

Tensor multiply(const Tensor& a, const Tensor& b) {
  return elementwise::record_binary_number<MultiplyNode, kernels::Multiply>("multiply", a, b);
}

Tensor divide(const Tensor& a, const Tensor& b) {
  return elementwise::record_binary_floating<DivideNode, kernels::Divide>("divide", a, b);
}

Tensor power(const Tensor& a, const Tensor& b) {
  return elementwise::record_binary_floating<PowerNode, kernels::Power>("power", a, b);
}

Tensor power(const Tensor& a, double exponent) {
  if (is_half(a.dtype())) return in_float32(a, [&](const Tensor& wide) { return power(wide, exponent); });
  Tensor result = exponent == 2 ? elementwise::binary_floating<kernels::Multiply>("power", a, a)
                                : elementwise::binary_floating<kernels::Power>("power", a, scalar_like(a, exponent));
  return record<PowerOfConstantNode>(std::move(result), {&a}, exponent);
}

Tensor maximum(const Tensor& a, const Tensor& b) {
  return elementwise::record_binary_number<ExtremeNode<true>, kernels::Maximum>("maximum", a, b);
}

Tensor minimum(const Tensor& a, const Tensor& b) {
  return elementwise::record_binary_number<ExtremeNode<false>, kernels::Minimum>("minimum", a, b);
}

Tensor negate(const Tensor& x) { return elementwise::record_unary_number<NegateNode, kernels::Negate>("negate", x); }

Tensor absolute(const Tensor& x) {
  return elementwise::record_unary_number<AbsoluteNode, kernels::Absolute>("absolute", x);
}

Tensor sign(const Tensor& x) {
  if (is_half(x.dtype())) return in_float32(x, sign);
  // Constant wherever it has a derivative: nothing to record.
  return elementwise::unary_number<kernels::Sign>("sign", x);
}

}  // namespace orbitgrad
