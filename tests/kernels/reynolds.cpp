#include "kernels/reynolds/reynolds.hpp"

#include "tests/kernels/actions.hpp"
#include "tests/kernels/buffer.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::ReynoldsProblem;

struct Case {
  Action out, in;

  ReynoldsProblem problem() const { return {out.size, in.size, in.elements, out.source.data(), in.source.data()}; }
};

/// The trivial action on `size` points, with as many elements as asked for.
Action trivial_action(std::int64_t elements, std::int64_t size) {
  Action action{elements, size, {}};
  for (std::int64_t i = 0; i < elements * size; ++i) action.source.push_back(static_cast<std::int32_t>(i % size));
  return action;
}

std::vector<Case> cases() {
  return {{square_action(3), square_action(4)},
          {trivial_action(8, 5), square_action(3)},
          {square_action(5), trivial_action(8, 1)},
          {repeated(cyclic_action(6), 2), repeated(cyclic_action(6), 3)},
          {square_action(8), repeated(square_action(6), 20)},
          {trivial_action(1, 4), trivial_action(1, 3)},
          {square_action(0), square_action(2)},
          {square_action(2), square_action(0)}};
}

template <class T>
std::vector<T> project(const ReynoldsProblem& p, const std::vector<T>& weight) {
  return same_for_any_thread_count([&] {
    Guarded<T> result(p.count());
    kernels::cpu::reynolds_project(p, weight.data(), result.data());
    return result.values();
  });
}

template <class T>
class ReynoldsTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ReynoldsTest, Types);

// By permutation matrices: the sum over h of rho_out(h)^T W rho_in(h).
TYPED_TEST(ReynoldsTest, MatchesTheSumOfMatrixProducts) {
  for (const Case& c : cases()) {
    const auto p = c.problem();
    const auto weight = random_values<TypeParam>(p.count(), 1);
    std::vector<double> expected(weight.size());
    for (std::int64_t h = 0; h < p.elements; ++h)
      for (std::int64_t i = 0; i < p.rows; ++i)
        for (std::int64_t j = 0; j < p.cols; ++j)  // entry (i, j) of W goes to (source_out i, source_in j)
          expected[static_cast<std::size_t>(kernels::reynolds_source(p, h, i, j))] +=
              static_cast<double>(weight[static_cast<std::size_t>(i * p.cols + j)]) / static_cast<double>(p.elements);
    expect_near(project(p, weight), expected);
  }
}

TYPED_TEST(ReynoldsTest, ProjectionIsEquivariantIdempotentAndSelfAdjoint) {
  for (const Case& c : cases()) {
    const auto p = c.problem();
    const auto v = random_values<TypeParam>(p.count(), 2), w = random_values<TypeParam>(p.count(), 3);
    const auto projected = project(p, w);
    expect_near(project(p, projected), {projected.begin(), projected.end()});
    EXPECT_NEAR(inner_product(v, projected), inner_product(project(p, v), w),
                tolerance<TypeParam> * static_cast<double>(p.count() + 1));
    for (std::int64_t h = 0; h < p.elements; ++h)
      for (std::int64_t i = 0; i < p.count(); ++i)
        ASSERT_NEAR(projected[static_cast<std::size_t>(i)],
                    projected[static_cast<std::size_t>(kernels::reynolds_source(p, h, i / p.cols, i % p.cols))],
                    tolerance<TypeParam>);
  }
}

TYPED_TEST(ReynoldsTest, PenaltyAndItsGradient) {
  for (const Case& c : cases()) {
    const auto p = c.problem();
    const auto weight = random_values<TypeParam>(p.count(), 4);
    const auto projected = project(p, weight);
    std::vector<double> residual, gradient;
    for (std::size_t i = 0; i < weight.size(); ++i) {
      residual.push_back(static_cast<double>(weight[i]) - static_cast<double>(projected[i]));
      gradient.push_back(2 * 0.25 * residual.back());
    }
    double value = -1;
    const auto actual = same_for_any_thread_count([&] {
      Guarded<TypeParam> result(p.count());
      kernels::cpu::reynolds_penalty(p, weight.data(), 0.25, &value, result.data());
      return result.values();
    });
    expect_near(actual, gradient);
    EXPECT_NEAR(value, 0.25 * inner_product(residual, residual), 1e-12 * (1 + value));
    const auto values = same_for_any_thread_count([&] {
      std::vector<double> alone(1);
      kernels::cpu::reynolds_penalty<TypeParam>(p, weight.data(), 0.25, alone.data(), nullptr);
      return alone;
    });
    EXPECT_EQ(values[0], value);
    // Pythagoras: |W - P W|^2 = |W|^2 - |P W|^2.
    EXPECT_NEAR(value, 0.25 * (inner_product(weight, weight) - inner_product(projected, projected)),
                tolerance<TypeParam> * static_cast<double>(p.count() + 1));
  }
}

TEST(Reynolds, GradientMatchesDifferenceQuotients) {
  const Case c{square_action(2), square_action(3)};
  const auto p = c.problem();
  const auto weight = random_values<double>(p.count(), 5);
  std::vector<double> gradient(weight.size());
  double value, above, below;
  kernels::cpu::reynolds_penalty(p, weight.data(), 1.0, &value, gradient.data());
  for (std::size_t i = 0; i < weight.size(); ++i) {
    auto moved = weight;
    moved[i] += 1e-5;
    kernels::cpu::reynolds_penalty<double>(p, moved.data(), 1.0, &above, nullptr);
    moved[i] -= 2e-5;
    kernels::cpu::reynolds_penalty<double>(p, moved.data(), 1.0, &below, nullptr);
    EXPECT_NEAR(gradient[i], (above - below) / 2e-5, 1e-8);
  }
}

// Of n^2 x n^2 weights of a cyclic group acting freely, a share 1/n is equivariant.
TEST(Reynolds, AGaussianKeepsOneShareInTheOrderOfTheGroup) {
  const Case c{repeated(cyclic_action(8), 8), repeated(cyclic_action(8), 8)};
  const auto p = c.problem();
  const auto weight = random_values<double>(p.count(), 6), projected = project(p, weight);
  EXPECT_NEAR(inner_product(projected, projected) / inner_product(weight, weight), 1.0 / 8, 0.02);
}

}  // namespace
}  // namespace orbitgrad::testing
