// e^x, the logistic function, tanh and the normal distribution function. In float without branches or calls of a
// library, so that a compiler makes vectors of the loops they are in: e^x to 1e-7, x times the normal distribution to
// 4e-7 (its tail by the fit of erfc of Press et al., "Numerical recipes", section 6.2). In double the library's.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// What lies below the smallest normal number is 0.
[[gnu::always_inline]] ORBITGRAD_HOST_DEVICE inline float exponential(float x) {  // a call would end the vectors
  constexpr float least = -87.3365402f, most = 88.7228317f;
  const float bounded = x < least ? least : (x > most ? most : x);  // NaN stays
  // Adding 1.5 2^23 rounds to whole numbers, which then stand in the lowest bits.
  const float shifted = bounded * 1.44269504f + 12582912.0f, whole = shifted - 12582912.0f;
  const float r = (bounded - whole * 0.693359375f) + whole * 2.12194440e-4f;  // in +-ln 2 / 2
  float series = 1.0f / 5040;
  series = series * r + 1.0f / 720;
  series = series * r + 1.0f / 120;
  series = series * r + 1.0f / 24;
  series = series * r + 1.0f / 6;
  series = series * r + 0.5f;
  const float fraction = (series * r * r + r) + 1.0f;
  // 2^whole in two factors: 2^128 is no float.
  const std::int32_t power = std::bit_cast<std::int32_t>(shifted) - 0x4b400000, half = power >> 1;
  const auto power_of_two = [](std::int32_t exponent) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23);
  };
  const float y = fraction * power_of_two(half) * power_of_two(power - half);
  return x < least ? 0.0f : (x > most ? std::numeric_limits<float>::infinity() : y);
}
ORBITGRAD_HOST_DEVICE inline double exponential(double x) { return std::exp(x); }

/// 1 / (1 + e^-x); the exponent is never positive, so nothing overflows.
template <class T>
[[gnu::always_inline]] ORBITGRAD_HOST_DEVICE inline T logistic(T x) {
  const T e = exponential(x < T{0} ? x : -x);
  return (x < T{0} ? e : T{1}) / (T{1} + e);
}

/// In float to 3.1e-7 of its value: by its series near 0, else by 1 - 2 / (e^2x + 1).
[[gnu::always_inline]] ORBITGRAD_HOST_DEVICE inline float hyperbolic_tangent(float x) {
  const float square = x * x, size = x < 0 ? -x : x;
  float series = 62.0f / 2835;
  series = series * square - 17.0f / 315;
  series = series * square + 2.0f / 15;
  series = series * square - 1.0f / 3;
  const float large = 1.0f - 2.0f / (exponential(2.0f * size) + 1.0f);
  return size < 0.25f ? (series * square + 1.0f) * x : (x < 0 ? -large : large);
}
ORBITGRAD_HOST_DEVICE inline double hyperbolic_tangent(double x) { return std::tanh(x); }

/// The share of a standard normal variable below x.
[[gnu::always_inline]] ORBITGRAD_HOST_DEVICE inline float normal_distribution(float x) {
  const float z = (x < 0 ? -x : x) * 0.70710678f, t = 1.0f / (1.0f + 0.5f * z);
  constexpr float fit[] = {-0.82215223f, 1.48851587f, -1.13520398f, 0.27886807f, -0.18628806f,
                           0.09678418f,  0.37409196f, 1.00002368f,  -1.26551223f};
  float exponent = 0.17087277f;
  for (const float term : fit) exponent = exponent * t + term;
  const float above = 0.5f * t * exponential(exponent - z * z);
  return x < 0 ? above : 1.0f - above;
}
ORBITGRAD_HOST_DEVICE inline double normal_distribution(double x) {
  return 0.5 * std::erfc(x * -0.70710678118654752440);
}

/// x normal_distribution(x)
template <class T>
[[gnu::always_inline]] ORBITGRAD_HOST_DEVICE inline T gelu_value(T x) {
  return x * normal_distribution(x);
}

}  // namespace orbitgrad::kernels
