#include "kernels/batch_norm/batch_norm.hpp"

#include <algorithm>

#include "tests/kernels/buffer.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::BatchNormProblem;

const BatchNormProblem problems[] = {{4, 3, 25},   {6, 5, 1},    {300, 70, 1}, {2, 3, 5000},
                                     {50, 7, 131}, {3, 1, 9000}, {1, 2, 2}};

/// Data with a mean far from zero, which a careless variance cannot stand.
template <class T>
std::vector<T> far_values(std::int64_t count, std::uint64_t key) {
  auto x = random_values<T>(count, key);
  for (auto& value : x) value += 100;
  return x;
}

template <class T>
struct Case {
  BatchNormProblem problem;
  std::vector<T> x, dy, gamma, beta;
  std::vector<double> mean, variance, y, dx, dgamma, dbeta;  // the reference, mean and variance rounded to T

  Case(const BatchNormProblem& p, double offset) : problem(p) {
    x = random_values<T>(p.count(), 1);
    for (auto& value : x) value += static_cast<T>(offset);
    dy = random_values<T>(p.count(), 2);
    gamma = random_values<T>(p.fields, 3);
    beta = random_values<T>(p.fields, 4);
    const double count = static_cast<double>(p.batch * p.positions);
    const auto fields = static_cast<std::size_t>(p.fields);
    mean.resize(fields), variance.resize(fields), dgamma.resize(fields), dbeta.resize(fields);
    y.resize(x.size()), dx.resize(x.size());
    each([&](std::size_t i, std::size_t c) { mean[c] += at(x, i) / count; });
    each([&](std::size_t i, std::size_t c) { variance[c] += (at(x, i) - mean[c]) * (at(x, i) - mean[c]) / count; });
    each([&](std::size_t i, std::size_t c) {
      y[i] = at(gamma, c) * normalised(i, c) + at(beta, c);
      if (p.relu) y[i] = std::max(0.0, y[i]);
      dbeta[c] += masked(i);
      dgamma[c] += masked(i) * normalised(i, c);
    });
    each([&](std::size_t i, std::size_t c) {
      const double through_statistics = p.batch_statistics ? (dbeta[c] + normalised(i, c) * dgamma[c]) / count : 0;
      dx[i] = at(gamma, c) / std::sqrt(variance[c] + p.epsilon) * (masked(i) - through_statistics);
    });
  }

  static double at(const std::vector<T>& values, std::size_t i) { return static_cast<double>(values[i]); }
  double normalised(std::size_t i, std::size_t c) const {
    return (at(x, i) - mean[c]) / std::sqrt(variance[c] + problem.epsilon);
  }
  double masked(std::size_t i) const { return problem.relu && y[i] <= 0 ? 0.0 : at(dy, i); }
  template <class Body>
  void each(Body&& body) const {
    for (std::int64_t i = 0; i < problem.count(); ++i)
      body(static_cast<std::size_t>(i), static_cast<std::size_t>(i / problem.positions % problem.fields));
  }
};

template <class T>
std::vector<T> concatenate(const std::vector<T>& a, const std::vector<T>& b, const std::vector<T>& c) {
  std::vector<T> all(a);
  all.insert(all.end(), b.begin(), b.end());
  all.insert(all.end(), c.begin(), c.end());
  return all;
}

template <class T>
class BatchNormTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(BatchNormTest, Types);

TYPED_TEST(BatchNormTest, ForwardMatchesTheFormula) {
  for (BatchNormProblem p : problems)
    for (const bool relu : {false, true}) {
      p.relu = relu;
      const Case<TypeParam> c(p, 0.5);
      const auto all = same_for_any_thread_count([&] {
        Guarded<TypeParam> y(p.count()), mean(p.fields), variance(p.fields);
        kernels::cpu::batch_norm_forward(p, c.x.data(), c.gamma.data(), c.beta.data(), mean.data(), variance.data(),
                                         y.data());
        return concatenate(y.values(), mean.values(), variance.values());
      });
      const auto split = all.begin() + p.count();
      expect_near<TypeParam>({all.begin(), split}, c.y);
      expect_near<TypeParam>({split, split + p.fields}, c.mean);
      expect_near<TypeParam>({split + p.fields, all.end()}, c.variance);
    }
}

TYPED_TEST(BatchNormTest, VarianceSurvivesALargeMean) {
  const BatchNormProblem p{8, 2, 500};
  const auto x = far_values<TypeParam>(p.count(), 9);
  const Case<TypeParam> reference(p, 0);
  Guarded<TypeParam> mean(2), variance(2);
  kernels::cpu::batch_norm_statistics(p, x.data(), mean.data(), variance.data());
  for (std::size_t field = 0; field < 2; ++field) {
    double sum = 0, squares = 0;
    reference.each([&](std::size_t i, std::size_t c) { sum += c == field ? static_cast<double>(x[i]) / 4000 : 0; });
    reference.each([&](std::size_t i, std::size_t c) {
      squares += c == field ? std::pow(static_cast<double>(x[i]) - sum, 2) / 4000 : 0;
    });
    EXPECT_NEAR(static_cast<double>(variance[static_cast<std::int64_t>(field)]), squares,
                (sizeof(TypeParam) == 4 ? 1e-7 : 1e-13));
  }
}

TYPED_TEST(BatchNormTest, ForwardIsStatisticsThenNormaliseBitForBit) {
  for (BatchNormProblem p : problems) {
    p.relu = true;
    const Case<TypeParam> c(p, 0.5);
    Guarded<TypeParam> y(p.count()), mean(p.fields), variance(p.fields);
    kernels::cpu::batch_norm_forward(p, c.x.data(), c.gamma.data(), c.beta.data(), mean.data(), variance.data(),
                                     y.data());
    Guarded<TypeParam> mean_alone(p.fields), variance_alone(p.fields);
    kernels::cpu::batch_norm_statistics(p, c.x.data(), mean_alone.data(), variance_alone.data());
    EXPECT_TRUE(same_bits(mean.values(), mean_alone.values()));
    EXPECT_TRUE(same_bits(variance.values(), variance_alone.values()));
    const auto alone = same_for_any_thread_count([&] {
      Guarded<TypeParam> result(p.count());
      kernels::cpu::batch_norm_normalise(p, c.x.data(), mean.data(), variance.data(), c.gamma.data(), c.beta.data(),
                                         result.data());
      return result.values();
    });
    EXPECT_TRUE(same_bits(y.values(), alone));
  }
}

TYPED_TEST(BatchNormTest, NormalisePermutesBitsWithPositions) {
  const BatchNormProblem p{2, 3, 77};
  const Case<TypeParam> c(p, 0.5);
  const auto mean = random_values<TypeParam>(3, 5);
  const std::vector<TypeParam> variance{1, 2, TypeParam(0.3)};
  auto reversed = c.x;
  for (auto row = reversed.begin(); row != reversed.end(); row += p.positions) std::reverse(row, row + p.positions);
  Guarded<TypeParam> y(p.count()), y_reversed(p.count());
  const auto normalise = [&](const std::vector<TypeParam>& x, TypeParam* out) {
    kernels::cpu::batch_norm_normalise(p, x.data(), mean.data(), variance.data(), c.gamma.data(), c.beta.data(), out);
  };
  normalise(c.x, y.data());
  normalise(reversed, y_reversed.data());
  auto expected = y.values();
  for (auto row = expected.begin(); row != expected.end(); row += p.positions) std::reverse(row, row + p.positions);
  EXPECT_TRUE(same_bits(y_reversed.values(), expected));
}

TYPED_TEST(BatchNormTest, BackwardMatchesTheFormula) {
  for (BatchNormProblem p : problems)
    for (const bool relu : {false, true})
      for (const bool batch_statistics : {false, true}) {
        p.relu = relu, p.batch_statistics = batch_statistics;
        const Case<TypeParam> c(p, 0.5);
        const std::vector<TypeParam> mean(c.mean.begin(), c.mean.end()), variance(c.variance.begin(), c.variance.end());
        const auto all = same_for_any_thread_count([&] {
          Guarded<TypeParam> dx(p.count()), dgamma(p.fields), dbeta(p.fields);
          kernels::cpu::batch_norm_backward(p, c.x.data(), c.dy.data(), mean.data(), variance.data(), c.gamma.data(),
                                            c.beta.data(), dx.data(), dgamma.data(), dbeta.data());
          return concatenate(dx.values(), dgamma.values(), dbeta.values());
        });
        const auto split = all.begin() + p.count();
        const double relative = tolerance<TypeParam> * 10;
        expect_near<TypeParam>({all.begin(), split}, c.dx, relative, 1.0);
        expect_near<TypeParam>({split, split + p.fields}, c.dgamma, relative, 1.0);
        expect_near<TypeParam>({split + p.fields, all.end()}, c.dbeta, relative, 1.0);
      }
}

TEST(BatchNorm, BackwardMatchesDifferenceQuotients) {
  BatchNormProblem p{3, 2, 4};
  for (const bool relu : {false, true}) {
    p.relu = relu;
    const Case<double> c(p, 0.0);
    const auto loss = [&](const std::vector<double>& x) {
      std::vector<double> mean(2), variance(2), y(x.size());
      kernels::cpu::batch_norm_forward(p, x.data(), c.gamma.data(), c.beta.data(), mean.data(), variance.data(),
                                       y.data());
      return inner_product(y, c.dy);
    };
    std::vector<double> dx(c.x.size());
    kernels::cpu::batch_norm_backward<double>(p, c.x.data(), c.dy.data(), c.mean.data(), c.variance.data(),
                                              c.gamma.data(), c.beta.data(), dx.data(), nullptr, nullptr);
    for (std::size_t i = 0; i < dx.size(); ++i) {
      auto above = c.x, below = c.x;
      above[i] += 1e-6, below[i] -= 1e-6;
      EXPECT_NEAR(dx[i], (loss(above) - loss(below)) / 2e-6, 1e-7);
    }
  }
}

TEST(BatchNorm, ParametersMayBeAbsentAndNaNPassesTheReLU) {
  BatchNormProblem p{1, 1, 4};
  p.relu = true;
  p.epsilon = 0;
  const float x[] = {1, -3, std::nanf(""), 5}, mean[] = {1}, variance[] = {4};
  Guarded<float> y(4);
  kernels::cpu::batch_norm_normalise<float>(p, x, mean, variance, nullptr, nullptr, y.data());
  EXPECT_EQ(y[0], 0.f);
  EXPECT_EQ(y[1], 0.f);
  EXPECT_TRUE(std::isnan(y[2]));
  EXPECT_EQ(y[3], 2.f);
}

TEST(BatchNorm, EmptyBatch) {
  const BatchNormProblem p{0, 2, 4};
  Guarded<float> y(0), mean(2), variance(2);
  kernels::cpu::batch_norm_forward<float>(p, nullptr, nullptr, nullptr, mean.data(), variance.data(), y.data());
  EXPECT_TRUE(std::isnan(mean[0]) && std::isnan(variance[1]));
}

}  // namespace
}  // namespace orbitgrad::testing
