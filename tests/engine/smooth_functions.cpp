// The float formulas that stand in for calls of a library, against the same ops in double, out to the ends of the
// range.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/autograd/grad.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/transfer.hpp"

namespace orbitgrad {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// 4,001 numbers from -reach to reach, and a few that are closer to 0.
Tensor grid(float reach) {
  std::vector<float> values{0.0F, -0.0F, 1e-30F, -1e-30F, 1e-5F, -1e-5F};
  for (int i = -2000; i <= 2000; ++i) values.push_back(reach * static_cast<float>(i) / 2000);
  return from_vector(values);
}

double largest_error(Tensor (*function)(const Tensor&), const Tensor& x) {
  return max(absolute(function(x).to(DType::float64) - function(x.to(DType::float64)))).item();
}

Tensor gradient_of_gelu(const Tensor& x) {
  Tensor leaf = x.detach() * 1.0;
  return grad({sum(gelu(leaf.set_requires_grad()))}, {leaf})[0];
}
Tensor gradient_of_silu(const Tensor& x) {
  Tensor leaf = x.detach() * 1.0;
  return grad({sum(silu(leaf.set_requires_grad()))}, {leaf})[0];
}
Tensor softmax_of_rows(const Tensor& x) { return softmax(x); }

TEST(SmoothFunctions, InFloatAreThoseInDouble) {
  for (const float reach : {4.0F, 20.0F, 100.0F}) {
    EXPECT_LT(largest_error(sigmoid, grid(reach)), 2e-7) << reach;
    EXPECT_LT(largest_error(gelu, grid(reach)), 5e-7 + 1e-7 * reach) << reach;
    EXPECT_LT(largest_error(silu, grid(reach)), 5e-7 + 1e-7 * reach) << reach;
    EXPECT_LT(largest_error(gradient_of_gelu, grid(reach)), 5e-7) << reach;
    EXPECT_LT(largest_error(gradient_of_silu, grid(reach)), 1e-6) << reach;
    EXPECT_LT(largest_error(softmax_of_rows, grid(reach)), 1e-7) << reach;
  }
}

TEST(SmoothFunctions, ExpAndTanhAreExactRelativeToTheirValue) {
  for (const float reach : {0.3F, 4.0F, 80.0F}) {
    const Tensor x = grid(reach), wide = x.to(DType::float64), tiny = scalar_like(wide, 1e-300);
    EXPECT_LT(max(absolute(exp(x).to(DType::float64) / exp(wide) - 1.0)).item(), 2e-7) << reach;
    const Tensor error = absolute(tanh(x).to(DType::float64) - tanh(wide));
    EXPECT_LT(max(error / maximum(absolute(tanh(wide)), tiny)).item(), 4e-7) << reach;
    EXPECT_LT(max(absolute(tanh(x))).item(), 1.0000001);
  }
  const Tensor ends = from_vector<float>({-infinity, -1000, 1000, infinity});
  EXPECT_EQ(exp(ends).to_vector<float>(), (std::vector<float>{0, 0, infinity, infinity}));
  EXPECT_EQ(tanh(ends).to_vector<float>(), (std::vector<float>{-1, -1, 1, 1}));
  EXPECT_TRUE(std::signbit(tanh(from_vector<float>({-0.0F})).item()));
  const Tensor undefined = from_vector<float>({std::numeric_limits<float>::quiet_NaN()});
  for (const auto function : {exp, tanh}) EXPECT_TRUE(std::isnan(function(undefined).item()));
  const Tensor logits = from_vector<float>({0, -3, -infinity, -200});
  const auto logarithms = log_softmax(logits).to_vector<float>();
  EXPECT_NEAR(static_cast<double>(logarithms[1]), -3 - std::log1p(std::exp(-3.0)), 1e-6);
  EXPECT_EQ(logarithms[2], -infinity);
}

TEST(SmoothFunctions, KeepTheirEnds) {
  const Tensor ends = from_vector<float>({-infinity, -1000, -200, 200, 1000, infinity});
  EXPECT_EQ(sigmoid(ends).to_vector<float>(), (std::vector<float>{0, 0, 0, 1, 1, 1}));
  const Tensor large = from_vector<float>({-1000, -200, 200, 1000});
  for (const auto function : {gelu, silu})
    EXPECT_EQ(function(large).to_vector<float>(), (std::vector<float>{0, 0, 200, 1000}));
  EXPECT_EQ(softmax(from_vector<float>({0, -1e30F, -infinity, -200})).to_vector<float>(),
            (std::vector<float>{1, 0, 0, 0}));
  const Tensor undefined = from_vector<float>({std::numeric_limits<float>::quiet_NaN()});
  for (const auto function : {gelu, silu, sigmoid}) EXPECT_TRUE(std::isnan(function(undefined).item()));
  EXPECT_TRUE(std::isnan(softmax(concat(std::vector<Tensor>{undefined, large}, 0)).to_vector<float>()[1]));
}

}  // namespace
}  // namespace orbitgrad
