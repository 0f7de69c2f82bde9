// Derivatives beyond the examples of the catalogue (catalogue.cpp), and whether the checks notice wrong ones.
#include <gtest/gtest.h>

#include "engine/autograd/grad.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/elementary.hpp"
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

TEST(Gradients, OfOneInputUsedTwiceAndOfViewsOfViews) {
  expect_all({
      {"quotient", [](const Inputs& x) { return x[0] * x[0] / (x[0] + 5.0); }, {smooth_input({4}, 3)}},
      {"gram", [](const Inputs& x) { return matmul(transpose(x[0]), x[0]); }, {smooth_input({3, 2}, 7)}},
      {"contiguous", [](const Inputs& x) { return square(contiguous(transpose(x[0]))); }, {smooth_input({2, 3}, 1)}},
      {"slice of a slice",
       [](const Inputs& x) { return square(slice(slice(x[0], 1, {.step = 2}), 2, {.start = 1})); },
       {smooth_input({2, 3, 4}, 5)}},
  });
}

TEST(Gradients, Cast) {
  // A round trip through float32 keeps the gradient, which is exact for these values.
  Tensor x = from_vector<double>({1, 2});
  x.set_requires_grad();
  const auto gradients = grad({sum(x.to(DType::float32) * x.to(DType::float32)).to(DType::float64)}, {x});
  EXPECT_EQ(gradients[0].to_vector<double>(), (std::vector<double>{2, 4}));
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
