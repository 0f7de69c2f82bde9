// Casts: what has no exact counterpart in the other type has a defined one all the same.
#include "engine/ops/cast.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/ops/creation.hpp"

namespace orbitgrad {
namespace {

template <class Float>
class CastOfFloating : public ::testing::Test {};
using Floats = ::testing::Types<float, double>;
TYPED_TEST_SUITE(CastOfFloating, Floats);

/// The largest number of the type that the integer type holds.
template <class Float, class Integer>
Float largest_that_fits() {
  return std::nextafter(-static_cast<Float>(std::numeric_limits<Integer>::min()), Float{0});
}

template <class Float, class Integer>
void expect_saturation() {
  using F = std::numeric_limits<Float>;
  constexpr Integer least = std::numeric_limits<Integer>::min(), most = std::numeric_limits<Integer>::max();
  const Float low = static_cast<Float>(least), fits = largest_that_fits<Float, Integer>();
  const std::vector<std::pair<Float, Integer>> cases{{F::quiet_NaN(), 0},   {-F::quiet_NaN(), 0},
                                                     {F::infinity(), most}, {-F::infinity(), least},
                                                     {F::max(), most},      {F::lowest(), least},
                                                     {-low, most},          {low, least},
                                                     {2 * low, least},      {fits, static_cast<Integer>(fits)},
                                                     {F::denorm_min(), 0},  {Float(-0.0), 0},
                                                     {Float(-0.9), 0},      {Float(-1.5), -1},
                                                     {Float(2.9), 2}};
  std::vector<Float> values;
  for (int repeat = 0; repeat < 5; ++repeat)  // the loop over a long row is another one than over its rest
    for (const auto& [value, expected] : cases) values.push_back(value);
  const auto result = cast(from_vector(values), dtype_of<Integer>()).template to_vector<Integer>();
  for (std::size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(result[i], cases[i % cases.size()].second) << i << ": " << values[i];
}

TYPED_TEST(CastOfFloating, ToAnIntegerSaturatesAndNanBecomesZero) {
  expect_saturation<TypeParam, std::int32_t>();
  expect_saturation<TypeParam, std::int64_t>();
}

TYPED_TEST(CastOfFloating, ToBoolMeansNotZero) {
  using F = std::numeric_limits<TypeParam>;
  const auto result = cast(from_vector<TypeParam>({0, TypeParam(-0.0), F::denorm_min(), F::quiet_NaN(), F::infinity()}),
                           DType::boolean);
  EXPECT_EQ(result.template to_vector<bool>(), (std::vector<bool>{false, false, true, true, true}));
}

TEST(Cast, DoubleBeyondFloatBecomesInfinite) {
  const auto result = cast(from_vector<double>({1e300, -1e300, 1e-300}), DType::float32).to_vector<float>();
  EXPECT_EQ(result, (std::vector<float>{INFINITY, -INFINITY, 0}));
}

TEST(Cast, LongIntegersKeepTheirLowBits) {
  const auto result =
      cast(from_vector<std::int64_t>({(std::int64_t{1} << 32) + 7, -1, std::int64_t{1} << 31}), DType::int32);
  EXPECT_EQ(result.to_vector<std::int32_t>(), (std::vector<std::int32_t>{7, -1, -2147483647 - 1}));
}

}  // namespace
}  // namespace orbitgrad
