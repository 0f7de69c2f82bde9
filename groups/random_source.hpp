// Where random group elements get their randomness: 64 random bits a call, from whoever owns a generator. The floors
// above give philox_source(key) (engine/philox_source.hpp); without one, a fixed stream that is the same everywhere.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>
#include <random>

#include "groups/matrix.hpp"

namespace orbitgrad::groups {

class RandomSource {
 public:
  explicit RandomSource(std::function<std::uint64_t()> bits) : bits_(std::move(bits)) {}
  /// The stream of the 64-bit Mersenne twister, whose bits the C++ standard fixes.
  explicit RandomSource(std::uint64_t seed) : bits_(std::mt19937_64(seed)) {}

  std::uint64_t bits() { return bits_(); }
  /// In (0, 1), 53 random bits.
  double uniform() { return (static_cast<double>(bits_() >> 11) + 0.5) * 0x1p-53; }
  /// Standard normal, by Box and Muller.
  double normal() { return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform()); }
  /// In {0 .. bound-1}, without bias. bound >= 1.
  std::int64_t below(std::int64_t bound) {
    const std::uint64_t size = static_cast<std::uint64_t>(bound), rejected = (0 - size) % size;  // 2^64 mod size
    std::uint64_t value = bits_();
    while (value < rejected) value = bits_();
    return static_cast<std::int64_t>(value % size);
  }

  /// Independent standard normal entries; a complex one has variance 1 in each part.
  template <class T>
  MatrixOf<T> normal_matrix(std::int64_t rows, std::int64_t cols) {
    MatrixOf<T> result(rows, cols);
    for (T& value : result.values) value = normal_value<T>();
    return result;
  }
  template <class T>
  T normal_value() {
    if constexpr (std::is_same_v<T, double>) {
      return normal();
    } else {
      const double real = normal();
      return {real, normal()};
    }
  }

 private:
  std::function<std::uint64_t()> bits_;
};

}  // namespace orbitgrad::groups
