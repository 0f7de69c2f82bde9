// The 16-bit types, over all their numbers and against what the definition of rounding says.
#include "kernels/half.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace orbitgrad::kernels {
namespace {

template <class Half>
constexpr int fraction_bits = std::is_same_v<Half, Bfloat16> ? 7 : 10;
template <class Half>
constexpr int least_exponent = std::is_same_v<Half, Bfloat16> ? -126 : -14;
template <class Half>
constexpr std::uint16_t infinity_bits = std::is_same_v<Half, Bfloat16> ? 0x7f80 : 0x7c00;

Bfloat16 with_bits(Bfloat16, std::uint16_t bits) { return std::bit_cast<Bfloat16>(bits); }
Float16 with_bits(Float16, std::uint16_t bits) { return std::bit_cast<Float16>(bits); }

template <class Half>
float value_of(int bits) {
  return static_cast<float>(with_bits(Half{}, static_cast<std::uint16_t>(bits)));
}

template <class Half>
class HalfType : public ::testing::Test {};
using Halves = ::testing::Types<Bfloat16, Float16>;
TYPED_TEST_SUITE(HalfType, Halves);

TYPED_TEST(HalfType, EveryPatternHasTheValueOfItsFieldsAndComesBack) {
  using Half = TypeParam;
  constexpr int fraction_size = 1 << fraction_bits<Half>;
  for (int bits = 0; bits < 0x10000; ++bits) {
    const int exponent = (bits & 0x7fff) / fraction_size, fraction = bits % fraction_size;
    const float value = value_of<Half>(bits);
    ASSERT_EQ(std::signbit(value), bits >= 0x8000) << bits;
    const auto again = Half(value).bits, from_double = Half(static_cast<double>(value)).bits;
    if ((bits & 0x7fff) > infinity_bits<Half>) {
      ASSERT_TRUE(std::isnan(value)) << bits;
      ASSERT_EQ(again, bits | fraction_size / 2) << "a NaN becomes quiet and keeps the rest";
      ASSERT_TRUE(std::isnan(static_cast<float>(Half(static_cast<double>(value))))) << bits;
      continue;
    }
    ASSERT_EQ(again, bits);
    ASSERT_EQ(from_double, bits);
    if ((bits & 0x7fff) == infinity_bits<Half>) {
      ASSERT_TRUE(std::isinf(value));
      continue;
    }
    const double size = std::ldexp(fraction + (exponent > 0 ? fraction_size : 0),
                                   std::max(exponent, 1) - 1 + least_exponent<Half> - fraction_bits<Half>);
    ASSERT_EQ(std::abs(static_cast<double>(value)), size) << bits;
  }
}

TYPED_TEST(HalfType, RoundsToNearestAndTiesToEven) {
  using Half = TypeParam;
  for (int low = 0; low < infinity_bits<Half>; ++low) {
    // What lies above the largest number counts as the next power of two when it is rounded.
    const double below = value_of<Half>(low);
    const double above = low + 1 < infinity_bits<Half> ? value_of<Half>(low + 1) : 2 * below - value_of<Half>(low - 1);
    const double middle = (below + above) / 2;
    const int even = low % 2 == 0 ? low : low + 1;
    const auto expect = [&](double value, int expected) {
      ASSERT_EQ(Half(value).bits, expected) << value;
      ASSERT_EQ(Half(-value).bits, expected | 0x8000) << value;
      if (static_cast<double>(static_cast<float>(value)) == value) {
        ASSERT_EQ(Half(static_cast<float>(value)).bits, expected) << value;
      }
    };
    expect(middle, even);
    expect(std::nextafter(middle, 0.0), low);
    expect(std::nextafter(middle, 1e300), low + 1);
    const auto as_float = static_cast<float>(middle);
    expect(static_cast<double>(std::nextafter(as_float, 0.0f)), low);
    expect(static_cast<double>(std::nextafter(as_float, INFINITY)), low + 1);
  }
  EXPECT_EQ(Half(std::numeric_limits<float>::max()).bits, infinity_bits<Half>);
  EXPECT_EQ(Half(std::numeric_limits<double>::max()).bits, infinity_bits<Half>);
  EXPECT_EQ(Half(-1e300).bits, infinity_bits<Half> | 0x8000);
  EXPECT_EQ(Half(std::numeric_limits<double>::denorm_min()).bits, 0);
  EXPECT_EQ(Half(std::numeric_limits<float>::denorm_min()).bits, 0);
}

#ifdef __FLT16_MANT_DIG__
TEST(Float16, AgreesWithTheCompilersType) {
  for (int bits = 0; bits < 0x10000; ++bits) {
    const auto theirs = static_cast<float>(std::bit_cast<_Float16>(static_cast<std::uint16_t>(bits)));
    const float ours = value_of<Float16>(bits);
    ASSERT_TRUE(ours == theirs || (std::isnan(ours) && std::isnan(theirs))) << bits;
  }
  std::uint32_t pattern = 1;
  for (int i = 0; i < 200000; ++i) {
    pattern = pattern * 1664525U + 1013904223U;
    const auto value = std::bit_cast<float>(pattern);
    const auto theirs = std::bit_cast<std::uint16_t>(static_cast<_Float16>(value));
    ASSERT_TRUE(Float16(value).bits == theirs || std::isnan(value)) << value;
  }
}
#endif

TEST(Tf32, KeepsTenFractionBitsAndRoundsTiesAwayFromZero) {
  EXPECT_EQ(rounded_to_tf32(1.0f + 0x1p-10f), 1.0f + 0x1p-10f);
  EXPECT_EQ(rounded_to_tf32(1.0f + 0x1p-11f), 1.0f + 0x1p-10f);
  EXPECT_EQ(rounded_to_tf32(-1.0f - 0x1p-11f), -1.0f - 0x1p-10f);
  EXPECT_EQ(rounded_to_tf32(std::nextafter(1.0f + 0x1p-11f, 0.0f)), 1.0f);
  EXPECT_EQ(rounded_to_tf32(std::numeric_limits<float>::max()), INFINITY);
  EXPECT_EQ(rounded_to_tf32(-INFINITY), -INFINITY);
  EXPECT_TRUE(std::isnan(rounded_to_tf32(NAN)));
}

}  // namespace
}  // namespace orbitgrad::kernels
