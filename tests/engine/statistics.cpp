#include "engine/ops/statistics.hpp"

#include <cmath>
#include <limits>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/reduction.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

using testing::expect_derivatives;
using testing::Inputs;
using testing::relative_difference;
using testing::smooth_input;

constexpr double infinity = std::numeric_limits<double>::infinity();

TEST(Statistics, Products) {
  const Tensor x = from_vector<double>({1, 2, 3, 4, 0.5, -1}, {2, 3});
  EXPECT_EQ(prod(x).item(), -12);
  EXPECT_EQ(prod(x, {0}).to_vector<double>(), (std::vector<double>{4, 1, -3}));
  EXPECT_EQ(prod(x, {-1}, true).shape(), (Shape{2, 1}));
  EXPECT_EQ(prod(arange(5) + full({}, 1, DType::int64)).item(), 120);
  EXPECT_EQ(prod(zeros({2, 0}), {1}).to_vector<float>(), (std::vector<float>{1, 1}));
  EXPECT_EQ(prod(zeros({0, 2}), {1}).shape(), (Shape{0}));
  EXPECT_ERROR(standard_deviation(zeros({3}), {}, false, 4), "[standard_deviation] the correction must be");
  EXPECT_ERROR(variance(zeros({3}), {}, false, 4), "[variance] the correction must be");
  EXPECT_ERROR(standard_deviation(zeros({3}), {1}), "[standard_deviation]");
  EXPECT_ERROR(prod(from_vector<bool>({true}, {1})), "got a bool tensor");
}

TEST(Statistics, ProductsHaveDerivativesAtZeros) {
  Tensor x = from_vector<double>({2, 0, 3, 0, 5, 7}, {2, 3});
  x.set_requires_grad();
  expect_derivatives({{"prod", [](const Inputs& in) { return prod(in[0], {1}); }, {x}}});
  EXPECT_EQ(grad({sum(prod(x, {1}))}, {x})[0].to_vector<double>(), (std::vector<double>{0, 6, 0, 35, 0, 0}));
}

TEST(Statistics, LogsumexpIsSafe) {
  const Tensor x = from_vector<double>({1000, 1000, -infinity, -infinity, infinity, 1}, {3, 2});
  const auto y = logsumexp(x, {1}).to_vector<double>();
  EXPECT_NEAR(y[0], 1000 + std::log(2.0), 1e-12);
  EXPECT_EQ(y[1], -infinity);
  EXPECT_EQ(y[2], infinity);
  Tensor nothing = zeros({0, 2}), dy = ones({2});
  nothing.set_requires_grad();
  dy.set_requires_grad();
  const Tensor of_nothing = logsumexp(nothing, {0});
  EXPECT_EQ(of_nothing.to_vector<float>(), std::vector<float>(2, -std::numeric_limits<float>::infinity()));
  const Tensor first = grad({of_nothing}, {nothing}, {.create_graph = true, .output_gradients = {dy}})[0];
  EXPECT_EQ(grad({sum(first)}, {dy})[0].to_vector<float>(), std::vector<float>(2, 0.0F));
  EXPECT_ERROR(logsumexp(arange(3)), "float32 or float64");
}

TEST(Statistics, Norms) {
  const Tensor x = from_vector<double>({3, -4, 0, 0}, {2, 2});
  EXPECT_EQ(norm(x).item(), 5);
  EXPECT_EQ(norm(x, 1).item(), 7);
  EXPECT_EQ(norm(x, infinity).item(), 4);
  EXPECT_EQ(norm(x, 0).item(), 2);
  EXPECT_NEAR(norm(x, 3).item(), std::cbrt(91), 1e-14);
  EXPECT_EQ(norm(x, 2, {1}, true).shape(), (Shape{2, 1}));
  EXPECT_ERROR(norm(x, -1), "at least 0");
  EXPECT_ERROR(norm(x, std::nan("")), "at least 0");
  EXPECT_ERROR(norm(x, 2, {2}), "axis");
  Tensor nothing = zeros({2, 2}, DType::float64);
  nothing.set_requires_grad();
  for (const double p : {1.0, 1.5, 2.0, 3.0})
    EXPECT_EQ(grad({norm(nothing, p)}, {nothing})[0].to_vector<double>(), std::vector<double>(4, 0.0)) << p;
}

TEST(Statistics, StandardDeviation) {
  const Tensor x = from_vector<double>({1, 2, 4, 9});
  EXPECT_NEAR(standard_deviation(x).item(), std::sqrt(9.5), 1e-14);
  EXPECT_NEAR(standard_deviation(x, {}, false, 1).item(), std::sqrt(38.0 / 3), 1e-14);
  for (const int correction : {0, 1})
    EXPECT_TRUE(std::isnan(standard_deviation(zeros({0}), {}, false, correction).item())) << correction;
  EXPECT_ERROR(standard_deviation(arange(3)), "float32 or float64");
}

TEST(Statistics, StandardDeviationOfEqualElementsHasDerivatives) {
  Tensor x = from_vector<double>({2, 2, 2, 1, 1, 3}, {2, 3});
  x.set_requires_grad();
  const Tensor first = grad({sum(standard_deviation(x, {1}))}, {x}, {.create_graph = true})[0];
  const Tensor second = grad({sum(square(first))}, {x})[0];
  for (std::int64_t column = 0; column < 3; ++column) {
    EXPECT_EQ(select(select(first, 0, 0), 0, column).item(), 0);
    EXPECT_EQ(select(select(second, 0, 0), 0, column).item(), 0);
  }
  EXPECT_NEAR(select(select(first, 0, 1), 0, 2).item(), std::sqrt(2.0) / 3, 1e-14);
}

TEST(Statistics, CumulativeSums) {
  const Tensor x = from_vector<double>({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(cumsum(x, 1).to_vector<double>(), (std::vector<double>{1, 3, 6, 4, 9, 15}));
  EXPECT_EQ(cumsum(x, 0).to_vector<double>(), (std::vector<double>{1, 2, 3, 5, 7, 9}));
  const Tensor counts = cumsum(from_vector<bool>({true, false, true}, {3}), 0);
  EXPECT_EQ(counts.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 1, 2}));
  EXPECT_EQ(cumsum(zeros({0, 3}), 0).shape(), (Shape{0, 3}));
  EXPECT_ERROR(cumsum(zeros({}), 0), "scalar");
  EXPECT_ERROR(cumsum(x, 2), "axis");
}

TEST(Statistics, Derivatives) {
  const auto x = smooth_input({2, 3, 2}, 1);
  expect_derivatives({
      {"prod",
       [](const Inputs& in) {
         return prod(in[0], {0, 2}, true);
       },
       {x}},
      {"standard_deviation", [](const Inputs& in) { return standard_deviation(in[0], {1}, false, 1); }, {x}},
      {"logsumexp",
       [](const Inputs& in) {
         return logsumexp(in[0], {0, 2});
       },
       {x}},
      {"norm 1", [](const Inputs& in) { return square(norm(in[0], 1, {1})); }, {x}},
      {"norm 2", [](const Inputs& in) { return norm(in[0], 2, {1}, true); }, {x}},
      {"norm 3",
       [](const Inputs& in) {
         return norm(in[0], 3, {0, 1});
       },
       {x}},
      {"norm infinity", [](const Inputs& in) { return square(norm(in[0], infinity, {1})); }, {x}},
      {"cumsum", [](const Inputs& in) { return square(cumsum(in[0], 1)); }, {x}},
  });
}

}  // namespace
}  // namespace orbitgrad
