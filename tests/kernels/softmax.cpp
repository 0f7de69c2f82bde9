#include "kernels/softmax/softmax.hpp"

#include "tests/kernels/buffer.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::SoftmaxProblem;

const SoftmaxProblem problems[] = {{5, 10}, {3, 1}, {2, 129}, {2900, 33}, {0, 7}, {4, 0}};

template <class T, class Kernel>
std::vector<T> run(const SoftmaxProblem& p, Kernel&& kernel) {
  return same_for_any_thread_count([&] {
    Guarded<T> result(p.rows * p.columns);
    kernel(result.data());
    return result.values();
  });
}

/// log softmax in double.
template <class T>
std::vector<double> reference(const SoftmaxProblem& p, const std::vector<T>& x) {
  std::vector<double> z(x.begin(), x.end());
  for (std::int64_t row = 0; row < p.rows; ++row) {
    double* values = z.data() + row * p.columns;
    long double sum = 0;
    for (std::int64_t j = 0; j < p.columns; ++j) sum += std::exp(static_cast<long double>(values[j]));
    for (std::int64_t j = 0; j < p.columns; ++j) values[j] -= static_cast<double>(std::log(sum));
  }
  return z;
}

template <class T>
class SoftmaxTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(SoftmaxTest, Types);

TYPED_TEST(SoftmaxTest, MatchesTheFormula) {
  for (const auto& p : problems) {
    auto x = random_values<TypeParam>(p.rows * p.columns, 1);
    for (auto& value : x) value *= 20;
    auto expected = reference(p, x);
    expect_near(run<TypeParam>(p, [&](TypeParam* z) { kernels::cpu::log_softmax_forward(p, x.data(), z); }), expected);
    for (double& value : expected) value = std::exp(value);
    expect_near(run<TypeParam>(p, [&](TypeParam* y) { kernels::cpu::softmax_forward(p, x.data(), y); }), expected);
  }
}

TYPED_TEST(SoftmaxTest, BackwardIsTheTransposedJacobian) {
  for (const auto& p : problems) {
    const auto x = random_values<TypeParam>(p.rows * p.columns, 2),
               dy = random_values<TypeParam>(p.rows * p.columns, 3);
    const auto z = reference(p, x);
    std::vector<double> expected(z.size()), expected_log(z.size());
    for (std::int64_t i = 0; i < p.rows * p.columns; ++i)
      for (std::int64_t k = i / p.columns * p.columns; k < (i / p.columns + 1) * p.columns; ++k) {
        const auto at = static_cast<std::size_t>(i), from = static_cast<std::size_t>(k);
        const double same = i == k ? 1 : 0, gradient = static_cast<double>(dy[from]);
        expected[at] += gradient * std::exp(z[from]) * (same - std::exp(z[at]));
        expected_log[at] += gradient * (same - std::exp(z[at]));
      }
    Guarded<TypeParam> y(p.rows * p.columns), log_y(p.rows * p.columns);
    kernels::cpu::softmax_forward(p, x.data(), y.data());
    kernels::cpu::log_softmax_forward(p, x.data(), log_y.data());
    expect_near(run<TypeParam>(p, [&](TypeParam* dx) { kernels::cpu::softmax_backward(p, y.data(), dy.data(), dx); }),
                expected);
    expect_near(
        run<TypeParam>(p, [&](TypeParam* dx) { kernels::cpu::log_softmax_backward(p, log_y.data(), dy.data(), dx); }),
        expected_log);
  }
}

TYPED_TEST(SoftmaxTest, IsStableAndHandlesInfinityLikePyTorch) {
  const TypeParam infinity = std::numeric_limits<TypeParam>::infinity(), nan = std::nan("");
  const SoftmaxProblem p{5, 3};
  const TypeParam x[] = {TypeParam(3e4),
                         TypeParam(3e4),
                         -infinity,  // a masked entry has probability 0
                         -infinity,
                         -infinity,
                         -infinity,  // nothing left: NaN
                         1,
                         infinity,
                         2,  //
                         1,
                         nan,
                         2,  //
                         TypeParam(-3e4),
                         TypeParam(-3e4),
                         TypeParam(-3e4)};
  Guarded<TypeParam> y(15), z(15);
  kernels::cpu::softmax_forward(p, x, y.data());
  kernels::cpu::log_softmax_forward(p, x, z.data());
  EXPECT_EQ(y[0], TypeParam(0.5));
  EXPECT_EQ(y[2], TypeParam(0));
  EXPECT_EQ(z[2], -infinity);
  for (std::int64_t i = 3; i < 6; ++i) EXPECT_TRUE(std::isnan(y[i]) && std::isnan(z[i])) << i;
  EXPECT_TRUE(std::isnan(y[7]) && std::isnan(z[7]));
  for (std::int64_t i = 9; i < 12; ++i) EXPECT_TRUE(std::isnan(y[i]) && std::isnan(z[i])) << i;
  EXPECT_NEAR(static_cast<double>(y[13]), 1.0 / 3, 1e-7);
}

}  // namespace
}  // namespace orbitgrad::testing
