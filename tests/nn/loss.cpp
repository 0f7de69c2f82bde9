// Losses against their formulas and differences.
#include "nn/loss.hpp"

#include <cmath>

#include "engine/autograd/gradcheck.hpp"
#include "engine/ops/reduction.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::nn {
namespace {

using namespace testing_support;

const RandomKey key{31};

TEST(CrossEntropy, IsMinusTheLogOfTheProbability) {
  const Tensor logits = from_vector<double>({1, 2, 3, 0, 0, 0}, {2, 3});
  const Tensor labels = from_vector<std::int64_t>({2, 0});
  const double first = std::log(1 + std::exp(-1.0) + std::exp(-2.0)), second = std::log(3.0);
  expect_near(cross_entropy(logits, labels, Reduction::none), from_vector<double>({first, second}), 1e-14);
  EXPECT_NEAR(cross_entropy(logits, labels).item(), (first + second) / 2, 1e-14);
  EXPECT_NEAR(cross_entropy(logits, labels, Reduction::sum).item(), first + second, 1e-14);
  EXPECT_NEAR(cross_entropy(from_vector<double>({1e4, -1e4}, {1, 2}), from_vector<std::int64_t>({1})).item(), 2e4,
              1e-9);
}

TEST(CrossEntropy, HasTheRightDerivatives) {
  Tensor logits = normal({4, 3}, key, 0, 1, DType::float64);
  logits.set_requires_grad();
  const Tensor labels = from_vector<std::int64_t>({2, 0, 1, 1});
  const auto f = [&](const std::vector<Tensor>& in) { return cross_entropy(in[0], labels); };
  EXPECT_TRUE(gradcheck(f, {logits}));
  EXPECT_TRUE(gradgradcheck(f, {logits}));
}

TEST(CrossEntropy, RefusesLabelsThatAreNone) {
  const Tensor logits = zeros({2, 3});
  expect_error(
      [&] {
        cross_entropy(logits, from_vector<std::int64_t>({0, 3}));
      },
      {"[cross_entropy]", "3", "Use 0 to 2"});
  expect_error([&] { cross_entropy(logits, from_vector<std::int64_t>({0, -1})); }, {"-1"});
  expect_error([&] { cross_entropy(logits, from_vector<std::int32_t>({0, 1})); }, {"int64", "int32"});
  expect_error([&] { cross_entropy(logits, from_vector<std::int64_t>({0})); }, {"[2, 3]", "[1]"});
}

TEST(MeanSquaredError, IsTheMeanOfSquares) {
  const Tensor a = from_vector<double>({1, 2, 3}), b = from_vector<double>({1, 4, 0});
  EXPECT_NEAR(mse(a, b).item(), 13.0 / 3, 1e-15);
  EXPECT_NEAR(mse(a, b, Reduction::sum).item(), 13.0, 1e-15);
  expect_error([&] { mse(a, zeros({3, 1}, DType::float64)); }, {"[mse]", "[3, 1]"});
  Tensor x = normal({5}, key, 0, 1, DType::float64);
  x.set_requires_grad();
  EXPECT_TRUE(gradgradcheck([&](const std::vector<Tensor>& in) { return mse(in[0], ones_like(in[0])); }, {x}));
}

TEST(Accuracy, CountsRowsWhoseFirstMaximumIsTheLabel) {
  const Tensor logits = from_vector<float>({1, 2, 0, 5, 5, 1, 0, 0, 9}, {3, 3});
  EXPECT_EQ(count_correct(logits, from_vector<std::int64_t>({1, 0, 1})), 2);
  EXPECT_NEAR(accuracy(logits, from_vector<std::int64_t>({1, 0, 1})), 2.0 / 3, 1e-15);
  EXPECT_EQ(count_correct(zeros({0, 3}), zeros({0}, DType::int64)), 0);
  expect_error([] { accuracy(zeros({0, 3}), zeros({0}, DType::int64)); }, {"[accuracy]", "no samples", "[0]"});
}

}  // namespace
}  // namespace orbitgrad::nn
