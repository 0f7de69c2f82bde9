// 16-bit floating types for storage. Bfloat16: 8 exponent and 7 fraction bits, the upper half of a float. Float16: 5
// and 10, IEEE 754 binary16. Nothing is computed in them: they are read into float exactly and written by rounding to
// nearest, ties to even; what is too large becomes infinite, subnormals are kept, a NaN stays a (quiet) NaN.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

ORBITGRAD_HOST_DEVICE inline std::uint16_t bfloat16_bits(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

ORBITGRAD_HOST_DEVICE inline float from_bfloat16_bits(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

ORBITGRAD_HOST_DEVICE inline std::uint16_t float16_bits(float value) {
  const auto all = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = all >> 16 & 0x8000U, bits = all & 0x7fffffffU;
  std::uint32_t result;
  if (bits >= 0x47800000U) {  // 2^16 and above, infinity, NaN
    result = bits > 0x7f800000U ? 0x7e00U | (bits >> 13 & 0x3ffU) : 0x7c00U;
  } else if (bits < 0x38800000U) {  // below 2^-14: the sum with 1/2 has a last bit of 2^-24, and rounds there
    result = std::bit_cast<std::uint32_t>(std::bit_cast<float>(bits) + 0.5f) - 0x3f000000U;
  } else {  // the exponent's bias goes from 127 to 15; a carry may reach the exponent, up to infinity
    result = (bits - (112U << 23) + 0xfffU + (bits >> 13 & 1U)) >> 13;
  }
  return static_cast<std::uint16_t>(sign | result);
}

ORBITGRAD_HOST_DEVICE inline float from_float16_bits(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t shifted = static_cast<std::uint32_t>(bits & 0x7fffU) << 13, exponent = shifted & 0x0f800000U;
  std::uint32_t result;
  if (exponent == 0x0f800000U)  // infinity, NaN
    result = shifted + (224U << 23);
  else if (exponent == 0)  // zero, subnormal: 2^-14 (1 + fraction) - 2^-14
    result = std::bit_cast<std::uint32_t>(std::bit_cast<float>(shifted + (113U << 23)) - 0x1p-14f);
  else
    result = shifted + (112U << 23);
  return std::bit_cast<float>(sign | result);
}

/// A float from which rounding to nearest goes where it would go from the double: cut off, with the last bit set if
/// anything was lost ("round to odd": Boldo and Melquiond, "When double rounding is odd", 2005).
ORBITGRAD_HOST_DEVICE inline float rounded_to_odd(double value) {
  const auto nearest = static_cast<float>(value);
  const auto back = static_cast<double>(nearest);
  if (back == value || value != value) return nearest;
  const double size = value < 0 ? -value : value, nearest_size = back < 0 ? -back : back;
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(nearest) - (nearest_size > size ? 1U : 0U)) | 1U);
}

struct Bfloat16 {
  Bfloat16() = default;
  ORBITGRAD_HOST_DEVICE inline explicit Bfloat16(float value) : bits(bfloat16_bits(value)) {}
  ORBITGRAD_HOST_DEVICE inline explicit Bfloat16(double value) : bits(bfloat16_bits(rounded_to_odd(value))) {}
  ORBITGRAD_HOST_DEVICE inline explicit operator float() const { return from_bfloat16_bits(bits); }
  ORBITGRAD_HOST_DEVICE inline explicit operator double() const {
    return static_cast<double>(from_bfloat16_bits(bits));
  }

  std::uint16_t bits;
};

struct Float16 {
  Float16() = default;
  ORBITGRAD_HOST_DEVICE inline explicit Float16(float value) : bits(float16_bits(value)) {}
  ORBITGRAD_HOST_DEVICE inline explicit Float16(double value) : bits(float16_bits(rounded_to_odd(value))) {}
  ORBITGRAD_HOST_DEVICE inline explicit operator float() const { return from_float16_bits(bits); }
  ORBITGRAD_HOST_DEVICE inline explicit operator double() const { return static_cast<double>(from_float16_bits(bits)); }

  std::uint16_t bits;
};

/// The nearest number with 10 fraction bits, ties away from zero: what tensor cores make of a float (PTX ISA, cvt.rna).
ORBITGRAD_HOST_DEVICE inline float rounded_to_tf32(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7f800000U) == 0x7f800000U) return value;
  return std::bit_cast<float>((bits + 0x1000U) & ~0x1fffU);
}

/// What the operands of a product are rounded to before they are multiplied; sums are float32 in every case.
enum class Precision : std::uint8_t { float32, tf32, bfloat16, float16 };

template <class T>
inline constexpr bool is_half_type = std::is_same_v<T, Bfloat16> || std::is_same_v<T, Float16>;

}  // namespace orbitgrad::kernels
