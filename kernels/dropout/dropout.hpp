// Dropout (Srivastava et al. 2014), scaled while training: y_i = keep_i x_i / (1 - p), keep_i = [random word i >= p
// 2^32]. The mask is a pure function of the key and i. The map is linear and symmetric, so the backward pass is the
// same call on dy with the same key, nothing is saved, and a resumed run draws the same masks.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/host_device.hpp"
#include "kernels/philox.hpp"
#include "kernels/random/random.hpp"

namespace orbitgrad::kernels {

/// x, y: [count]. probability p in [0, 1] of dropping an element; p = 1 drops all.
struct DropoutProblem {
  std::int64_t count = 0;
  std::uint64_t key = 0;
  double probability = 0;

  double scale() const { return probability < 1 ? 1 / (1 - probability) : 0; }
  std::int64_t flops() const { return count; }
  std::int64_t bytes(std::int64_t element_size) const { return 2 * element_size * count; }
};

/// `word` is word i mod 4 of Philox block i / 4 for element i; threshold = bernoulli_threshold(p).
ORBITGRAD_HOST_DEVICE inline bool dropout_keeps(std::uint32_t word, std::uint64_t threshold) {
  return word >= threshold;
}

/// Without a branch; a dropped infinity or NaN is NaN.
template <class T>
ORBITGRAD_HOST_DEVICE inline T dropout_value(T x, T scale, std::uint32_t word, std::uint64_t threshold) {
  return x * (static_cast<T>(dropout_keeps(word, threshold)) * scale);
}

template <class T>
struct Dropout {
  using Problem = DropoutProblem;
  using Launch = void(const Problem&, const T* x, T* y);
  static constexpr std::string_view name = "dropout";
};

namespace cpu {

/// y may be x.
template <class T>
void dropout(const DropoutProblem& problem, const T* x, T* y);

}  // namespace cpu
}  // namespace orbitgrad::kernels
