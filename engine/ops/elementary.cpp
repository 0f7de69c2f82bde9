#include "engine/ops/elementary.hpp"

#include <numbers>

#include "engine/autograd/node.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementwise.hpp"

namespace orbitgrad {

namespace {

using elementwise::unary_floating;

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

// relu_gradient(dy, y) = dy where y > 0: linear in dy, and its own adjoint.
Tensor relu_gradient(const Tensor& dy, const Tensor& y);

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

Tensor relu_gradient(const Tensor& dy, const Tensor& y) {
  return record<ReluGradientNode>(elementwise::binary_floating<kernels::ReluGradient>("relu_gradient", dy, y),
                                  {&dy, &y});
}

}  // namespace

Tensor exp(const Tensor& x) { return record<ExpNode>(unary_floating<kernels::Exp>("exp", x), {&x}); }
Tensor log(const Tensor& x) { return record<LogNode>(unary_floating<kernels::Log>("log", x), {&x}); }
Tensor log1p(const Tensor& x) { return record<Log1pNode>(unary_floating<kernels::Log1p>("log1p", x), {&x}); }
Tensor sqrt(const Tensor& x) { return record<SqrtNode>(unary_floating<kernels::Sqrt>("sqrt", x), {&x}); }
Tensor rsqrt(const Tensor& x) { return record<RsqrtNode>(unary_floating<kernels::Rsqrt>("rsqrt", x), {&x}); }
Tensor square(const Tensor& x) { return power(x, 2); }
Tensor sin(const Tensor& x) { return record<SinNode>(unary_floating<kernels::Sin>("sin", x), {&x}); }
Tensor cos(const Tensor& x) { return record<CosNode>(unary_floating<kernels::Cos>("cos", x), {&x}); }
Tensor tanh(const Tensor& x) { return record<TanhNode>(unary_floating<kernels::Tanh>("tanh", x), {&x}); }
Tensor sigmoid(const Tensor& x) { return record<SigmoidNode>(unary_floating<kernels::Sigmoid>("sigmoid", x), {&x}); }
Tensor erf(const Tensor& x) { return record<ErfNode>(unary_floating<kernels::Erf>("erf", x), {&x}); }
Tensor relu(const Tensor& x) { return record<ReluNode>(unary_floating<kernels::Relu>("relu", x), {&x}); }
Tensor floor(const Tensor& x) { return unary_floating<kernels::Floor>("floor", x); }
Tensor softplus(const Tensor& x) { return record<SoftplusNode>(softplus_value(x), {&x}); }

}  // namespace orbitgrad
