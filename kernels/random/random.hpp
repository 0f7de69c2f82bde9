// Arrays of random numbers: element i is a pure function of the key and i, so the bits depend neither on the number of
// threads nor on the order of calls. Use a key of its own for every array (philox_split).
// Sources: philox.hpp; Box & Muller (1958) for the normal distribution; Fisher & Yates for permutations.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

#include "kernels/host_device.hpp"
#include "kernels/philox.hpp"

namespace orbitgrad::kernels {

struct RandomProblem {
  std::int64_t count = 0;
  std::uint64_t key = 0;

  std::int64_t flops() const { return 0; }
  std::int64_t bytes(std::int64_t element_size) const { return element_size * count; }
};

/// Random words an element takes: element i takes words i * this and following of the stream of its key, where word w
/// is word w mod 4 of Philox block w / 4.
template <class T>
inline constexpr std::int64_t random_words = sizeof(T) / 4;

/// Uniform in [0, 1): 24 bits in float and 53 in double.
template <class T>
ORBITGRAD_HOST_DEVICE inline T uniform_from(const std::uint32_t* words) {
  if constexpr (sizeof(T) == 4)
    return uniform_float(words[0]);
  else
    return uniform_double(words[0], words[1]);
}

/// A pair of independent standard normal numbers from the words of two elements: radius sqrt(-2 log u) with u in (0,
/// 1], angle 2 pi v.
template <class T>
ORBITGRAD_HOST_DEVICE inline void normal_pair(const std::uint32_t* words, T* first, T* second) {
  T u;
  if constexpr (sizeof(T) == 4)
    u = (static_cast<T>(words[0]) + T(0.5)) * T(0x1p-32);
  else
    u = T(1) - uniform_double(words[0], words[1]);
  const T v = uniform_from<T>(words + random_words<T>);
  const T radius = std::sqrt(T(-2) * std::log(u)), angle = T(6.283185307179586476925) * v;
  *first = radius * std::cos(angle);
  *second = radius * std::sin(angle);
}

/// A 32-bit word below this means "yes" for an event of the given probability (up to 2^-32).
ORBITGRAD_HOST_DEVICE inline std::uint64_t bernoulli_threshold(double probability) {
  if (!(probability > 0)) return 0;
  return probability >= 1 ? std::uint64_t{1} << 32 : static_cast<std::uint64_t>(probability * 0x1p32);
}

/// Uniform in [0, bound) without bias: words in the incomplete last period are rejected. bound > 0.
ORBITGRAD_HOST_DEVICE inline std::uint64_t integer_below(std::uint64_t key, std::uint64_t index, std::uint64_t bound) {
  const std::uint64_t rejected = (0 - bound) % bound;
  for (std::uint64_t attempt = 0;; ++attempt) {
    const PhiloxBlock block = philox(key, index, attempt);
    for (int half = 0; half < 2; ++half) {
      const std::uint64_t word = static_cast<std::uint64_t>(block.word[2 * half]) << 32 | block.word[2 * half + 1];
      if (word >= rejected) return word % bound;
    }
  }
}

template <class T>
struct RandomUniform {
  using Problem = RandomProblem;
  using Launch = void(const Problem&, double low, double high, T* y);
  static constexpr std::string_view name = "random.uniform";
};

template <class T>
struct RandomNormal {
  using Problem = RandomProblem;
  using Launch = void(const Problem&, double mean, double deviation, T* y);
  static constexpr std::string_view name = "random.normal";
};

template <class T>
struct RandomBernoulli {
  using Problem = RandomProblem;
  using Launch = void(const Problem&, double probability, T* y);
  static constexpr std::string_view name = "random.bernoulli";
};

struct RandomIntegers {
  using Problem = RandomProblem;
  using Launch = void(const Problem&, std::int64_t bound, std::int64_t* y);
  static constexpr std::string_view name = "random.integers";
};

/// Swaps that depend on each other: where the host may be asked, it is faster.
struct RandomPermutation {
  using Problem = RandomProblem;
  using Launch = void(const Problem&, std::int64_t* y);
  static constexpr std::string_view name = "random.permutation";
};

namespace cpu {

/// low + (high - low) u with u in [0, 1). The result stays below high unless rounding reaches it.
template <class T>
void random_uniform(const RandomProblem& problem, double low, double high, T* y);

/// mean + deviation z with z standard normal.
template <class T>
void random_normal(const RandomProblem& problem, double mean, double deviation, T* y);

/// 1 with the given probability, else 0.
template <class T>
void random_bernoulli(const RandomProblem& problem, double probability, T* y);

/// Uniform in [0, bound), bound > 0.
void random_integers(const RandomProblem& problem, std::int64_t bound, std::int64_t* y);

/// A uniformly random permutation of 0, ..., count - 1.
void random_permutation(const RandomProblem& problem, std::int64_t* y);

}  // namespace cpu
}  // namespace orbitgrad::kernels
