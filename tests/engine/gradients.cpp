// First and second derivatives of the elementwise ops, reductions, shape ops, indexing and matmul.
#include <gtest/gtest.h>

#include "engine/autograd/grad.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "tests/engine/gradient_cases.hpp"

namespace orbitgrad {
namespace {

using testing::check_derivatives;
using testing::GradientCase;
using testing::smooth_input;
using Inputs = std::vector<Tensor>;

void expect_all(const std::vector<GradientCase>& cases) {
  for (const GradientCase& gradient_case : cases) {
    SCOPED_TRACE(gradient_case.name);
    EXPECT_NO_THROW(check_derivatives(gradient_case)) << [&] {
      try {
        check_derivatives(gradient_case);
      } catch (const Error& error) {
        return std::string(error.what());
      }
      return std::string();
    }();
  }
}

GradientCase unary(const std::string& name, Tensor (*f)(const Tensor&), bool positive = false) {
  return {name, [f](const Inputs& x) { return f(x[0]); }, {smooth_input({2, 3}, 1, positive)}};
}

TEST(Gradients, ElementaryFunctions) {
  expect_all({unary("exp", exp), unary("log", log, true), unary("log1p", log1p, true), unary("sqrt", sqrt, true),
              unary("rsqrt", rsqrt, true), unary("square", square), unary("sin", sin), unary("cos", cos),
              unary("tanh", tanh), unary("sigmoid", sigmoid), unary("erf", erf), unary("relu", relu),
              unary("softplus", softplus), unary("negate", negate), unary("absolute", absolute)});
}

TEST(Gradients, SoftplusIsSmoothAtZero) {
  Tensor x = zeros({2}, DType::float64);
  expect_all({{"softplus", [](const Inputs& in) { return softplus(in[0]); }, {x.set_requires_grad()}}});
  EXPECT_EQ(grad({sum(softplus(x))}, {x})[0].to_vector<double>(), (std::vector<double>{0.5, 0.5}));
}

TEST(Gradients, PowersWithExponentZero) {
  // d/db db^e/de at e = 0 is 1/b, although b^0 is constant in b.
  Tensor exponent = zeros({3}, DType::float64);
  expect_all({{"power",
               [](const Inputs& x) { return power(x[0], x[1]); },
               {smooth_input({2, 1}, 1, true), exponent.set_requires_grad()}}});
  Tensor x = zeros({1}, DType::float64);
  const auto first = grad({sum(power(x.set_requires_grad(), zeros({1}, DType::float64)))}, {x}, {.create_graph = true});
  EXPECT_EQ(first[0].item(), 0);
  EXPECT_EQ(grad({sum(first[0])}, {x})[0].item(), 0);
}

GradientCase binary(const std::string& name, Tensor (*f)(const Tensor&, const Tensor&), const Shape& a, const Shape& b,
                    bool positive = false) {
  return {name + " " + a.to_string() + b.to_string(),
          [f](const Inputs& x) { return f(x[0], x[1]); },
          {smooth_input(a, 1, positive), smooth_input(b, 2, positive)}};
}

TEST(Gradients, ArithmeticWithBroadcasting) {
  const std::vector<std::pair<Shape, Shape>> shapes = {{{2, 3}, {2, 3}}, {{2, 3}, {3}}, {{2, 1}, {1, 3}}, {{}, {2, 2}}};
  std::vector<GradientCase> cases;
  for (const auto& [a, b] : shapes) {
    cases.push_back(binary("add", add, a, b));
    cases.push_back(binary("subtract", subtract, a, b));
    cases.push_back(binary("multiply", multiply, a, b));
    cases.push_back(binary("divide", divide, a, b));
    cases.push_back(binary("power", power, a, b, true));
    cases.push_back(binary("maximum", maximum, a, b));
    cases.push_back(binary("minimum", minimum, a, b));
  }
  cases.push_back({"cube", [](const Inputs& x) { return power(x[0], 3.0); }, {smooth_input({4}, 3)}});
  cases.push_back(
      {"one input twice", [](const Inputs& x) { return x[0] * x[0] / (x[0] + 5.0); }, {smooth_input({4}, 3)}});
  expect_all(cases);
}

TEST(Gradients, WhereAndCast) {
  const Tensor mask = from_vector<bool>({true, false, true}, {3});
  expect_all({
      {"where",
       [mask](const Inputs& x) { return where(mask, x[0], x[1]); },
       {smooth_input({2, 3}, 1), smooth_input({3}, 2)}},
      {"contiguous", [](const Inputs& x) { return square(contiguous(transpose(x[0]))); }, {smooth_input({2, 3}, 1)}},
  });
  // A round trip through float32 keeps the gradient, which is exact for these values.
  Tensor x = from_vector<double>({1, 2});
  x.set_requires_grad();
  const auto gradients = grad({sum(x.to(DType::float32) * x.to(DType::float32)).to(DType::float64)}, {x});
  EXPECT_EQ(gradients[0].to_vector<double>(), (std::vector<double>{2, 4}));
}

TEST(Gradients, Reductions) {
  const auto over = [](auto f, Axes axes, bool keep) {
    return [=](const Inputs& x) { return f(square(x[0]), axes, keep); };
  };
  std::vector<GradientCase> cases;
  for (const Axes& axes : {Axes{}, Axes{0}, Axes{-1}, Axes{0, 2}, Axes{1}})
    for (const bool keep : {false, true}) {
      const Tensor x = smooth_input({2, 3, 2}, 4);
      cases.push_back({"sum", over([](auto&&... a) { return sum(a...); }, axes, keep), {x}});
      cases.push_back({"mean", over([](auto&&... a) { return mean(a...); }, axes, keep), {x}});
      cases.push_back({"variance", over([](auto&&... a) { return variance(a...); }, axes, keep), {x}});
      cases.push_back({"max", over([](auto&&... a) { return max(a...); }, axes, keep), {x}});
      cases.push_back({"min", over([](auto&&... a) { return min(a...); }, axes, keep), {x}});
    }
  expect_all(cases);
}

TEST(Gradients, ShapeOps) {
  const Tensor x = smooth_input({2, 3, 4}, 5);
  const auto of = [&](const std::string& name, auto f) {
    return GradientCase{name, [f](const Inputs& inputs) { return square(f(inputs[0])); }, {x}};
  };
  expect_all({
      of("reshape",
         [](const Tensor& t) {
           return reshape(t, {4, -1});
         }),
      of("flatten", [](const Tensor& t) { return flatten(t, 1); }),
      of("unsqueeze", [](const Tensor& t) { return squeeze(unsqueeze(t, 1), 1) * unsqueeze(t, 0); }),
      of("permute",
         [](const Tensor& t) {
           return permute(t, {2, 0, 1});
         }),
      of("broadcast_to",
         [](const Tensor& t) {
           return broadcast_to(t, {2, 2, 3, 4});
         }),
      of("sum_to",
         [](const Tensor& t) {
           return sum_to(t, {3, 1});
         }),
      of("slice", [](const Tensor& t) { return slice(t, 2, {.start = -1, .stop = 0, .step = -2}); }),
      of("slice of a slice", [](const Tensor& t) { return slice(slice(t, 1, {.step = 2}), 2, {.start = 1}); }),
      of("select", [](const Tensor& t) { return select(t, 1, -1); }),
      of("flip",
         [](const Tensor& t) {
           return flip(t, {0, 2});
         }),
      of("embed",
         [](const Tensor& t) {
           return embed(t, {3, 6, 4}, {1, 0, 3}, {1, 2, -1});
         }),
      of("concat",
         [](const Tensor& t) {
           return concat(std::vector<Tensor>{t, narrow(t, 1, 0, 1), t}, 1);
         }),
      of("stack",
         [](const Tensor& t) {
           return stack(std::vector<Tensor>{t, t * 2.0}, 1);
         }),
      of("pad",
         [](const Tensor& t) {
           return pad(t, {{1, 0}, {2, 1}});
         }),
      of("pad circular",
         [](const Tensor& t) {
           return pad(t, {{1, 4}, {9, 1}}, PadMode::circular);
         }),
  });
}

TEST(Gradients, Indexing) {
  const Tensor index = from_vector<std::int64_t>({2, 0, 2, -1});
  const Tensor along = from_vector<std::int64_t>({0, 2, 1, 1, 0, 0}, {2, 3, 1});
  expect_all({
      {"index_select",
       [=](const Inputs& x) { return square(index_select(x[0], 1, index)); },
       {smooth_input({2, 3, 2}, 6)}},
      {"gather", [=](const Inputs& x) { return square(gather(x[0], 2, along)); }, {smooth_input({2, 3, 3}, 6)}},
      {"scatter_add",
       [=](const Inputs& x) { return square(scatter_add(x[0], 2, along, 4)); },
       {smooth_input({2, 3, 1}, 6)}},
  });
}

TEST(Gradients, Matmul) {
  std::vector<GradientCase> cases;
  const std::vector<std::pair<Shape, Shape>> shapes = {
      {{2, 3}, {3, 4}},         {{3}, {3, 2}}, {{2, 3}, {3}}, {{3}, {3}}, {{2, 2, 3}, {3, 2}}, {{2, 3}, {2, 3, 2}},
      {{2, 1, 2, 3}, {3, 3, 2}}};
  for (const auto& [a, b] : shapes) cases.push_back(binary("matmul", matmul, a, b));
  cases.push_back({"gram", [](const Inputs& x) { return matmul(transpose(x[0]), x[0]); }, {smooth_input({3, 2}, 7)}});
  expect_all(cases);
}

// The checks themselves must be able to fail.
struct WrongNode final : Node {
  std::string_view name() const override { return "wrong"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {dy * input(0) * 2.001}; }
};

struct WrongSecondNode final : Node {
  std::string_view name() const override { return "wrong_second"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override { return {dy * input(0).detach() * 2.0}; }
};

template <class N>
Tensor square_with(const Tensor& x) {
  const Tensor y = [&] {
    const NoGrad no_grad;
    return square(x) * 1.0;
  }();
  return record<N>(y, {&x});
}

TEST(Gradients, ChecksNoticeWrongDerivatives) {
  const Tensor x = smooth_input({3}, 8);
  EXPECT_THROW(gradcheck([](const Inputs& i) { return square_with<WrongNode>(i[0]); }, {x}), Error);
  EXPECT_TRUE(gradcheck([](const Inputs& i) { return square_with<WrongSecondNode>(i[0]); }, {x}));
  EXPECT_THROW(gradgradcheck([](const Inputs& i) { return square_with<WrongSecondNode>(i[0]); }, {x}), Error);
}

}  // namespace
}  // namespace orbitgrad
