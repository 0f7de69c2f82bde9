// The formulas of all elementwise operations, once, for host and device. Comparisons and logic return bool.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/exponential.hpp"
#include "kernels/half.hpp"
#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

// One argument; floating types unless said otherwise.

struct Negate {  // every number
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T x) const {
    return static_cast<T>(-x);
  }
};
struct Absolute {  // every number
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T x) const {
    return x < T{0} ? static_cast<T>(-x) : (x == T{0} ? T{0} : x);  // -0 becomes 0, NaN stays
  }
};
struct Sign {  // every number
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T x) const {
    return x > T{0} ? T{1} : (x < T{0} ? static_cast<T>(-1) : x);
  }
};
struct Relu {
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T x) const {
    return x < T{0} ? T{0} : x;  // NaN stays
  }
};
struct Exp {
  template <class T>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE T operator()(T x) const {
    return exponential(x);
  }
};
struct Log {
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T x) const {
    return std::log(x);
  }
};
struct Log1p {
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T x) const {
    return std::log1p(x);
  }
};
struct Sqrt {
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T x) const {
    return std::sqrt(x);
  }
};
struct Rsqrt {
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T x) const {
    return T{1} / std::sqrt(x);
  }
};
struct Sin {
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T x) const {
    return std::sin(x);
  }
};
struct Cos {
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T x) const {
    return std::cos(x);
  }
};
struct Tanh {
  template <class T>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE T operator()(T x) const {
    return hyperbolic_tangent(x);
  }
};
struct Sigmoid {
  template <class T>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE T operator()(T x) const {
    return logistic(x);
  }
};
struct Erf {
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T x) const {
    return std::erf(x);
  }
};
/// x Phi(x), Phi the normal distribution function.
struct Gelu {
  template <class T>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE T operator()(T x) const {
    return gelu_value(x);
  }
};
/// x sigmoid(x)
struct Silu {
  template <class T>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE T operator()(T x) const {
    return x * logistic(x);
  }
};
struct Floor {
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T x) const {
    return std::floor(x);
  }
};
/// x as the operand of a product sees it: float only.
template <Precision precision>
struct RoundTo {
  ORBITGRAD_HOST_DEVICE float operator()(float x) const {
    if constexpr (precision == Precision::tf32)
      return rounded_to_tf32(x);
    else if constexpr (precision == Precision::bfloat16)
      return from_bfloat16_bits(bfloat16_bits(x));
    else if constexpr (precision == Precision::float16)
      return from_float16_bits(float16_bits(x));
    else
      return x;
  }
};
struct IsFinite {  // -> bool
  template <class T>
  ORBITGRAD_HOST_DEVICE bool operator()(T x) const {
    return x - x == T{0};
  }
};
struct LogicalNot {  // bool -> bool
  ORBITGRAD_HOST_DEVICE bool operator()(bool x) const { return !x; }
};

// Two arguments; every number unless said otherwise.

struct Add {
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T a, T b) const {
    return a + b;
  }
};
struct Subtract {
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T a, T b) const {
    return a - b;
  }
};
struct Multiply {
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T a, T b) const {
    return a * b;
  }
};
struct Divide {  // floating
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T a, T b) const {
    return a / b;
  }
};
struct Power {  // floating
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T a, T b) const {
    return std::pow(a, b);
  }
};
struct Maximum {  // NaN wins
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T a, T b) const {
    return a != a || b <= a ? a : b;
  }
};
struct Minimum {  // NaN wins
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T a, T b) const {
    return a != a || b >= a ? a : b;
  }
};
/// dy where the output of relu is positive, else 0: floating.
struct ReluGradient {
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(T dy, T y) const {
    return y > T{0} ? dy : T{0};
  }
};
/// dy (Phi(x) + x Phi'(x)): floating.
struct GeluGradient {
  template <class T>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE T operator()(T dy, T x) const {
    const T density = exponential(T(-0.5) * x * x) * T(0.39894228040143267794);
    return dy * (normal_distribution(x) + x * density);
  }
};
/// dy s (1 + x (1 - s)) with s = sigmoid(x): floating.
struct SiluGradient {
  template <class T>
  [[gnu::always_inline]] ORBITGRAD_HOST_DEVICE T operator()(T dy, T x) const {
    const T s = logistic(x);
    return dy * (s * (T{1} + x * (T{1} - s)));
  }
};

// Comparisons: two numbers -> bool.

struct Equal {
  template <class T>
  ORBITGRAD_HOST_DEVICE bool operator()(T a, T b) const {
    return a == b;
  }
};
struct Less {
  template <class T>
  ORBITGRAD_HOST_DEVICE bool operator()(T a, T b) const {
    return a < b;
  }
};
struct LessEqual {
  template <class T>
  ORBITGRAD_HOST_DEVICE bool operator()(T a, T b) const {
    return a <= b;
  }
};
struct LogicalAnd {  // bool, bool -> bool
  ORBITGRAD_HOST_DEVICE bool operator()(bool a, bool b) const { return a && b; }
};
struct LogicalOr {  // bool, bool -> bool
  ORBITGRAD_HOST_DEVICE bool operator()(bool a, bool b) const { return a || b; }
};

/// condition ? a : b.
struct Where {
  template <class T>
  ORBITGRAD_HOST_DEVICE T operator()(bool condition, T a, T b) const {
    return condition ? a : b;
  }
};

/// Conversion to another element type. To bool: "not zero". From floating to an integer: towards zero, what lies beyond
/// the range becomes its nearest end, NaN becomes 0. From one integer to a shorter one: modulo 2^bits.
template <class To>
struct Convert {
  template <class From>
  ORBITGRAD_HOST_DEVICE To operator()(From x) const {
    if constexpr (std::is_same_v<To, bool>) {
      return x != From{0};
    } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
      constexpr To least = std::numeric_limits<To>::min(), most = std::numeric_limits<To>::max();
      constexpr From low = static_cast<From>(least), beyond = -low;  // powers of two, hence exact
      // C++ leaves the cast of NaN and of what lies outside [low, beyond) undefined.
      const From bounded = x < beyond ? (x < low ? low : x) : From{0};
      if constexpr (std::numeric_limits<From>::digits >= std::numeric_limits<To>::digits)
        return static_cast<To>(x >= beyond ? static_cast<From>(most) : bounded);
      else
        return x >= beyond ? most : static_cast<To>(bounded);
    } else {
      return static_cast<To>(x);
    }
  }
};

}  // namespace orbitgrad::kernels
