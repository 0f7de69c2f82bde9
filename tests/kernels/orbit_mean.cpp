#include "kernels/orbit_mean/orbit_mean.hpp"

#include "tests/kernels/actions.hpp"
#include "tests/kernels/buffer.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::OrbitProblem;

struct Case {
  Action action;
  std::int64_t batch;
  std::vector<std::int32_t> selected = {};
  std::vector<std::int32_t> inverse = {};

  std::int64_t terms() const { return selected.empty() ? action.elements : static_cast<std::int64_t>(selected.size()); }
  OrbitProblem mean(const std::vector<std::int32_t>& source) const {
    return OrbitProblem::mean(batch, action.size, terms(), source.data(), selected.empty() ? nullptr : selected.data());
  }
  std::int64_t element(std::int64_t k) const { return selected.empty() ? k : selected[static_cast<std::size_t>(k)]; }
};

std::vector<Case> cases() {
  std::vector<Case> all{{square_action(5), 3},
                        {cyclic_action(7), 1},
                        {square_action(28), 40},
                        {square_action(4), 0},
                        {square_action(0), 2},
                        {cyclic_action(1), 2},
                        {repeated(cyclic_action(300), 4), 2},
                        {square_action(5), 3, {6, 1, 1}},
                        {square_action(28), 20, {5}}};
  for (Case& c : all) {
    c.inverse.resize(c.action.source.size());
    kernels::invert_action(c.action.elements, c.action.size, c.action.source.data(), c.inverse.data());
  }
  return all;
}

template <class T, class Kernel>
std::vector<T> run(std::int64_t count, Kernel&& kernel) {
  return same_for_any_thread_count([&] {
    Guarded<T> result(count);
    kernel(result.data());
    return result.values();
  });
}

template <class T>
class OrbitMeanTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(OrbitMeanTest, Types);

TYPED_TEST(OrbitMeanTest, MeanMatchesTheFormulaAndIsItsOwnAdjoint) {
  for (const Case& c : cases()) {
    const std::int64_t count = c.batch * c.action.size;
    const auto x = random_values<TypeParam>(count, 1), dy = random_values<TypeParam>(count, 2);
    std::vector<double> expected(x.size());
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t k = 0; k < c.terms(); ++k) {
        const std::int64_t b = i / c.action.size, at = c.element(k) * c.action.size + i % c.action.size;
        expected[static_cast<std::size_t>(i)] +=
            static_cast<double>(
                x[static_cast<std::size_t>(b * c.action.size + c.action.source[static_cast<std::size_t>(at)])]) /
            static_cast<double>(c.terms());
      }
    const auto y = run<TypeParam>(
        count, [&](TypeParam* out) { kernels::cpu::orbit_mean(c.mean(c.action.source), x.data(), out); });
    expect_near(y, expected);
    const auto dx =
        run<TypeParam>(count, [&](TypeParam* out) { kernels::cpu::orbit_mean(c.mean(c.inverse), dy.data(), out); });
    EXPECT_NEAR(inner_product(y, dy), inner_product(x, dx), tolerance<TypeParam> * static_cast<double>(count + 1));
  }
}

TYPED_TEST(OrbitMeanTest, MeanOverAGroupIsAProjectionOntoInvariants) {
  const Action action = square_action(6);
  const auto problem = OrbitProblem::mean(2, 36, 8, action.source.data());
  const auto x = random_values<TypeParam>(72, 3);
  Guarded<TypeParam> once(72), twice(72), orbit(72 * 8);
  kernels::cpu::orbit_mean(problem, x.data(), once.data());
  kernels::cpu::orbit_mean(problem, once.data(), twice.data());
  const auto mean = once.values();
  expect_near(twice.values(), {mean.begin(), mean.end()});
  auto expand = problem;
  expand.divisor = 1;
  kernels::cpu::orbit_expand(expand, once.data(), orbit.data());
  for (std::int64_t i = 0; i < 72 * 8; ++i) EXPECT_NEAR(orbit[i], once[i / 288 * 36 + i % 36], tolerance<TypeParam>);
}

TYPED_TEST(OrbitMeanTest, ExpandAndTwistedMeanAreAdjointWithInverseTables) {
  for (const Case& c : cases()) {
    const std::int64_t count = c.batch * c.action.size, orbit_count = count * c.terms();
    const auto x = random_values<TypeParam>(count, 4), z = random_values<TypeParam>(orbit_count, 5);
    const auto expanded = run<TypeParam>(
        orbit_count, [&](TypeParam* out) { kernels::cpu::orbit_expand(c.mean(c.action.source), x.data(), out); });
    const auto mean =
        run<TypeParam>(count, [&](TypeParam* out) { kernels::cpu::twisted_mean(c.mean(c.inverse), z.data(), out); });
    EXPECT_NEAR(inner_product(expanded, z), inner_product(x, mean),
                tolerance<TypeParam> * static_cast<double>(count + 1));
    for (std::int64_t i = 0; i < orbit_count; ++i) {
      const std::int64_t b = i / c.action.size / c.terms(), k = i / c.action.size % c.terms();
      const auto at = static_cast<std::size_t>(c.element(k) * c.action.size + i % c.action.size);
      const auto from = static_cast<std::size_t>(b * c.action.size + c.action.source[at]);
      ASSERT_NEAR(expanded[static_cast<std::size_t>(i)], x[from] / static_cast<TypeParam>(c.terms()),
                  tolerance<TypeParam>);
    }
  }
}

// Any function becomes equivariant: mean over h of L_h^-1 f(L_h x).
TYPED_TEST(OrbitMeanTest, TwistedMeanOfTheOrbitIsEquivariant) {
  const Action action = square_action(4);
  std::vector<std::int32_t> inverse(action.source.size());
  kernels::invert_action(8, 16, action.source.data(), inverse.data());
  OrbitProblem expand{1, 16, 8, action.source.data(), nullptr, 1};
  const auto symmetrised = [&](const std::vector<TypeParam>& x) {
    std::vector<TypeParam> orbit(128), y(16);
    kernels::cpu::orbit_expand(expand, x.data(), orbit.data());
    for (std::size_t i = 0; i < 128; ++i)  // anything that knows nothing of the symmetry
      orbit[i] = orbit[i] * orbit[i / 16 * 16 + (i + 3) % 16] + static_cast<TypeParam>(i % 16) * orbit[i / 16 * 16];
    kernels::cpu::twisted_mean(OrbitProblem::mean(1, 16, 8, inverse.data()), orbit.data(), y.data());
    return y;
  };
  const auto x = random_values<TypeParam>(16, 6);
  const auto y = symmetrised(x);
  for (std::size_t h = 0; h < 8; ++h) {
    std::vector<TypeParam> moved_x(16);
    std::vector<double> moved_y(16);
    for (std::size_t i = 0; i < 16; ++i) {
      const auto from = static_cast<std::size_t>(action.source[h * 16 + i]);
      moved_x[i] = x[from], moved_y[i] = static_cast<double>(y[from]);
    }
    expect_near(symmetrised(moved_x), moved_y);
  }
}

}  // namespace
}  // namespace orbitgrad::testing
