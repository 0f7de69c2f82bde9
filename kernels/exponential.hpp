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

/// a b + c, rounded once where the machine does that in one instruction; elsewhere a library would.
[[gnu::always_inline]] ORBITGRAD_HOST_DEVICE inline float fused(float a, float b, float c) {
#if defined(__FP_FAST_FMAF) || defined(__CUDA_ARCH__)
  return std::fma(a, b, c);
#else
  return a * b + c;
#endif
}

/// c_0 + c_1 x + c_2 x^2 + ...
[[gnu::always_inline]] ORBITGRAD_HOST_DEVICE inline float polynomial(float, float constant) { return constant; }
template <class... Rest>
[[gnu::always_inline]] ORBITGRAD_HOST_DEVICE inline float polynomial(float x, float constant, Rest... rest) {
  return fused(polynomial(x, rest...), x, constant);
}

/// What lies below the smallest normal number is 0.
[[gnu::always_inline]] ORBITGRAD_HOST_DEVICE inline float exponential(float x) {  // a call would end the vectors
  constexpr float least = -87.3365402f, most = 88.7228317f;
  // Adding 1.5 2^23 rounds to whole numbers, which then stand in the lowest bits.
  const float shifted = fused(x, 1.44269504f, 12582912.0f), whole = shifted - 12582912.0f;
  const float r = fused(whole, 2.12194440e-4f, fused(whole, -0.693359375f, x));  // in +-ln 2 / 2
  const float series = polynomial(r, 0.5f, 1.0f / 6, 1.0f / 24, 1.0f / 120, 1.0f / 720, 1.0f / 5040);
  const float fraction = fused(series, r * r, r) + 1.0f;
  // Times 2^whole: the other bits of the shifted number leave at the left.
  const float y =
      std::bit_cast<float>(std::bit_cast<std::uint32_t>(fraction) + (std::bit_cast<std::uint32_t>(shifted) << 23));
  const float bounded = x <= most ? y : x + std::numeric_limits<float>::infinity();  // NaN stays
  return x < least ? 0.0f : bounded;
}
ORBITGRAD_HOST_DEVICE inline double exponential(double x) { return std::exp(x); }

template <class T>
[[gnu::always_inline]] ORBITGRAD_HOST_DEVICE inline T logistic(T x) {
  return T{1} / (T{1} + exponential(-x));
}

/// In float to 3.2e-7 of its value and never beyond +-1: x P(x^2) / Q(x^2), fitted for the least relative error
/// (2.1e-8) up to |x| = 9.02, where tanh rounds to 1.
[[gnu::always_inline]] ORBITGRAD_HOST_DEVICE inline float hyperbolic_tangent(float x) {
  const float square = x * x, u = square < 81.0f ? square : 81.0f;
  const float p = polynomial(u, 1.0f, 1.33797154e-1f, 3.49402917e-3f, 2.05833330e-5f, 1.33187692e-8f);
  const float q = polynomial(u, 1.0f, 4.67130303e-1f, 2.58710571e-2f, 3.28308146e-4f, 7.76191541e-7f);
  const float y = x * (p / q), below = y > 1.0f ? 1.0f : y;
  return below < -1.0f ? -1.0f : below;
}
ORBITGRAD_HOST_DEVICE inline double hyperbolic_tangent(double x) { return std::tanh(x); }

/// The share of a standard normal variable below x.
[[gnu::always_inline]] ORBITGRAD_HOST_DEVICE inline float normal_distribution(float x) {
  const float z = std::abs(x) * 0.70710678f, t = 1.0f / fused(0.5f, z, 1.0f);
  const float square = t * t;
  const float exponent = fused(t, polynomial(square, 1.00002368f, 0.09678418f, 0.27886807f, 1.48851587f, 0.17087277f),
                               polynomial(square, -1.26551223f, 0.37409196f, -0.18628806f, -1.13520398f, -0.82215223f));
  const float above = 0.5f * t * exponential(fused(-z, z, exponent));
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
