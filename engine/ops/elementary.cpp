#include "engine/ops/elementary.hpp"

#include <numbers>

#include "engine/autograd/node.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementwise.hpp"
#include "engine/ops/relu_gradient.hpp"

namespace orbitgrad {

namespace {

using elementwise::record_unary_floating;

// Functions whose derivative is a formula of the output y save only that; the others save their input x.

struct ExpNode final : Node {
  std::string_view name() const override { return "exp"; }
  Saves saves() const override { return Saves::the_output(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {dy * output()}; }
};

struct LogNode final : Node {
  std::string_view name() const override { return "log"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {dy / input(0)}; }
};

struct Log1pNode final : Node {
  std::string_view name() const override { return "log1p"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {dy / (input(0) + 1.0)}; }
};

struct SqrtNode final : Node {
  std::string_view name() const override { return "sqrt"; }
  Saves saves() const override { return Saves::the_output(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {dy / (output() * 2.0)}; }
};

struct RsqrtNode final : Node {
  std::string_view name() const override { return "rsqrt"; }
  Saves saves() const override { return Saves::the_output(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {dy * (power(output(), 3) * -0.5)}; }
};

struct SinNode final : Node {
  std::string_view name() const override { return "sin"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {dy * cos(input(0))}; }
};

struct CosNode final : Node {
  std::string_view name() const override { return "cos"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {-(dy * sin(input(0)))}; }
};

struct TanhNode final : Node {
  std::string_view name() const override { return "tanh"; }
  Saves saves() const override { return Saves::the_output(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {dy * (1.0 - square(output()))}; }
};

struct SigmoidNode final : Node {
  std::string_view name() const override { return "sigmoid"; }
  Saves saves() const override { return Saves::the_output(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {dy * (output() * (1.0 - output()))}; }
};

struct ErfNode final : Node {
  std::string_view name() const override { return "erf"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    return {dy * (exp(-square(input(0))) * (2 * std::numbers::inv_sqrtpi))};
  }
};

struct SoftplusNode final : Node {
  std::string_view name() const override { return "softplus"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {dy * sigmoid(input(0))}; }
};

Tensor softplus_value(const Tensor& x) {
  const NoGrad no_grad;
  return relu(x) + log1p(exp(-absolute(x)));
}

struct GeluNode final : Node {
  std::string_view name() const override { return "gelu"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    const Tensor x = input(0);
    if (!GradMode::is_recording()) return {elementwise::binary_floating<kernels::GeluGradient>("gelu", dy, x)};
    const Tensor below = 0.5 * (1.0 + erf(x * (1 / std::numbers::sqrt2)));
    const Tensor density = exp(square(x) * -0.5) * (std::numbers::inv_sqrtpi / std::numbers::sqrt2);
    return {dy * (below + x * density)};
  }
};

struct SiluNode final : Node {
  std::string_view name() const override { return "silu"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    const Tensor x = input(0);
    if (!GradMode::is_recording()) return {elementwise::binary_floating<kernels::SiluGradient>("silu", dy, x)};
    const Tensor s = sigmoid(x);
    return {dy * (s * (1.0 + x * (1.0 - s)))};
  }
};

struct ReluGradientNode final : Node {
  std::string_view name() const override { return "relu_gradient"; }
  Saves saves() const override { return Saves::input(1); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {relu_gradient(dy, input(1)), Tensor()}; }
};

struct ReluNode final : Node {
  std::string_view name() const override { return "relu"; }
  Saves saves() const override { return Saves::the_output(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {relu_gradient(dy, output().detach())}; }
};

}  // namespace

Tensor relu_gradient(const Tensor& dy, const Tensor& y) {
  return record<ReluGradientNode>(elementwise::binary_floating<kernels::ReluGradient>("relu_gradient", dy, y),
                                  {&dy, &y});
}

Tensor exp(const Tensor& x) { return record_unary_floating<ExpNode, kernels::Exp>("exp", x); }
Tensor log(const Tensor& x) { return record_unary_floating<LogNode, kernels::Log>("log", x); }
Tensor log1p(const Tensor& x) { return record_unary_floating<Log1pNode, kernels::Log1p>("log1p", x); }
Tensor sqrt(const Tensor& x) { return record_unary_floating<SqrtNode, kernels::Sqrt>("sqrt", x); }
Tensor rsqrt(const Tensor& x) { return record_unary_floating<RsqrtNode, kernels::Rsqrt>("rsqrt", x); }
Tensor square(const Tensor& x) { return power(x, 2); }
Tensor sin(const Tensor& x) { return record_unary_floating<SinNode, kernels::Sin>("sin", x); }
Tensor cos(const Tensor& x) { return record_unary_floating<CosNode, kernels::Cos>("cos", x); }
Tensor tanh(const Tensor& x) { return record_unary_floating<TanhNode, kernels::Tanh>("tanh", x); }
Tensor sigmoid(const Tensor& x) { return record_unary_floating<SigmoidNode, kernels::Sigmoid>("sigmoid", x); }
Tensor erf(const Tensor& x) { return record_unary_floating<ErfNode, kernels::Erf>("erf", x); }
Tensor relu(const Tensor& x) { return record_unary_floating<ReluNode, kernels::Relu>("relu", x); }
Tensor gelu(const Tensor& x) { return record_unary_floating<GeluNode, kernels::Gelu>("gelu", x); }
Tensor silu(const Tensor& x) { return record_unary_floating<SiluNode, kernels::Silu>("silu", x); }
Tensor floor(const Tensor& x) {
  if (is_half(x.dtype())) return in_float32(x, floor);
  return elementwise::unary_floating<kernels::Floor>("floor", x);
}
Tensor softplus(const Tensor& x) {
  if (is_half(x.dtype())) return in_float32(x, softplus);
  return record<SoftplusNode>(softplus_value(x), {&x});
}

}  // namespace orbitgrad
