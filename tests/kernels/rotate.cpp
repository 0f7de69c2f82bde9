#include "kernels/rotate/rotate.hpp"

#include "tests/kernels/buffer.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::RotateProblem;

constexpr double pi = 3.14159265358979323846;
const std::vector<double> angles{0.3, -1.2, 2.5, 4.0, 0.0, 7.5, 0.01, 3.14};

const RotateProblem problems[] = {{3, 2, 7, 5, angles.data()}, {2, 1, 8, 8, angles.data()},
                                  {1, 3, 1, 6, angles.data()}, {2, 2, 1, 1, angles.data()},
                                  {0, 2, 4, 4, angles.data()}, {2, 0, 4, 4, angles.data()},
                                  {2, 2, 0, 4, angles.data()}, {8, 3, 28, 28, angles.data()}};

template <class T>
std::vector<T> rotate(const RotateProblem& p, const std::vector<T>& x) {
  Guarded<T> y(p.count());
  kernels::cpu::rotate_forward(p, x.data(), y.data());
  return y.values();
}

template <class T>
class RotateTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(RotateTest, Types);

// Written independently of the kernel: every input pixel spreads a tent of width 2 around the place it is read from.
TYPED_TEST(RotateTest, MatchesASumOfTents) {
  for (const auto& p : problems) {
    if (p.height > 8) continue;
    const auto x = random_values<TypeParam>(p.count(), 1);
    std::vector<double> expected(x.size());
    for (std::int64_t i = 0; i < p.count(); ++i) {
      const std::int64_t area = p.height * p.width, plane = i / area;
      const double angle = angles[static_cast<std::size_t>(plane / p.channels)];
      const double up = static_cast<double>(p.height - 1) / 2 - static_cast<double>(i % area / p.width);
      const double right = static_cast<double>(i % p.width) - static_cast<double>(p.width - 1) / 2;
      // The point that a counter-clockwise turn brings here, in a frame with the second axis up.
      const double from_right = std::cos(angle) * right + std::sin(angle) * up;
      const double from_up = -std::sin(angle) * right + std::cos(angle) * up;
      for (std::int64_t j = 0; j < area; ++j) {
        const double row = static_cast<double>(j / p.width) - (static_cast<double>(p.height - 1) / 2 - from_up);
        const double col = static_cast<double>(j % p.width) - (static_cast<double>(p.width - 1) / 2 + from_right);
        expected[static_cast<std::size_t>(i)] += std::max(0.0, 1 - std::abs(row)) * std::max(0.0, 1 - std::abs(col)) *
                                                 static_cast<double>(x[static_cast<std::size_t>(plane * area + j)]);
      }
    }
    expect_near(same_for_any_thread_count([&] { return rotate(p, x); }), expected);
  }
}

TYPED_TEST(RotateTest, AdjointIdentity) {
  for (const auto& p : problems) {
    const auto x = random_values<TypeParam>(p.count(), 2), dy = random_values<TypeParam>(p.count(), 3);
    const auto y = same_for_any_thread_count([&] { return rotate(p, x); });
    const auto dx = same_for_any_thread_count([&] {
      Guarded<TypeParam> result(p.count());
      kernels::cpu::rotate_adjoint(p, dy.data(), result.data());
      return result.values();
    });
    EXPECT_NEAR(inner_product(y, dy), inner_product(x, dx), tolerance<TypeParam> * static_cast<double>(p.count() + 1));
  }
}

TYPED_TEST(RotateTest, QuarterTurnsAreIndexRotations) {
  for (const std::int64_t n : {7, 8, 28})
    for (int turns = -4; turns <= 4; ++turns) {
      const double angle = turns * pi / 2;
      const auto x = random_values<TypeParam>(n * n, 4);
      const auto y = rotate<TypeParam>({1, 1, n, n, &angle}, x);
      auto expected = std::vector<double>(x.begin(), x.end());
      for (int turn = 0; turn < (turns + 8) % 4; ++turn) {
        auto turned = expected;
        for (std::int64_t row = 0; row < n; ++row)  // (row, col) -> (-col, row) about the centre
          for (std::int64_t col = 0; col < n; ++col)
            turned[static_cast<std::size_t>((n - 1 - col) * n + row)] =
                expected[static_cast<std::size_t>(row * n + col)];
        expected = turned;
      }
      expect_near(y, expected, 1e-6);
    }
}

TYPED_TEST(RotateTest, AngleZeroIsTheIdentityBitForBit) {
  const double angle = 0;
  const auto x = random_values<TypeParam>(5 * 30, 5);
  EXPECT_EQ(rotate<TypeParam>({1, 5, 5, 6, &angle}, x), x);
}

}  // namespace
}  // namespace orbitgrad::testing
