#include "kernels/dropout/dropout.hpp"

#include "tests/kernels/buffer.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::DropoutProblem;

template <class T>
std::vector<T> dropped(const DropoutProblem& p, const std::vector<T>& x) {
  return same_for_any_thread_count([&] {
    Guarded<T> y(p.count);
    kernels::cpu::dropout(p, x.data(), y.data());
    return y.values();
  });
}

template <class T>
class DropoutTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(DropoutTest, Types);

TYPED_TEST(DropoutTest, KeepsTheRightShareScaled) {
  for (const std::int64_t count : {0, 1, 3, 4, 5, 100003}) {
    const DropoutProblem p{count, 3, 0.2};
    const auto x = random_values<TypeParam>(count, 1), y = dropped(p, x);
    std::int64_t kept = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      kept += y[i] != 0;
      ASSERT_TRUE(y[i] == 0 || y[i] == x[i] * static_cast<TypeParam>(1 / (1 - 0.2)));
    }
    const double deviations = 5 * 0.4 / std::sqrt(static_cast<double>(count) + 1e-9);
    EXPECT_NEAR(static_cast<double>(kept), 0.8 * static_cast<double>(count), deviations * static_cast<double>(count));
  }
}

TYPED_TEST(DropoutTest, IsSymmetricAndAFunctionOfItsKey) {
  const DropoutProblem p{999, 4, 0.5};
  const auto x = random_values<TypeParam>(999, 2), dy = random_values<TypeParam>(999, 3);
  EXPECT_NEAR(inner_product(dropped(p, x), dy), inner_product(x, dropped(p, dy)), tolerance<TypeParam> * 1000);
  EXPECT_EQ(dropped(p, x), dropped(p, x));
  EXPECT_NE(dropped(p, x), dropped({999, 5, 0.5}, x));
  auto in_place = x;
  kernels::cpu::dropout(p, in_place.data(), in_place.data());
  EXPECT_EQ(in_place, dropped(p, x));
}

TYPED_TEST(DropoutTest, ProbabilityZeroAndOne) {
  const auto x = random_values<TypeParam>(50, 4);
  EXPECT_EQ(dropped({50, 6, 0.0}, x), x);
  EXPECT_EQ(dropped({50, 6, 1.0}, x), std::vector<TypeParam>(50, 0));
}

}  // namespace
}  // namespace orbitgrad::testing
