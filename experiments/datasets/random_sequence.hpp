// A sequence of random numbers from Philox, for drawing one sample at a time: number i of a sequence depends on its key
// and on i alone. A key is made from a seed and the index of a sample, so samples are independent of order and threads.
#pragma once

#include <cstdint>

#include "kernels/philox.hpp"

namespace orbitgrad::experiments {

class RandomSequence {
 public:
  explicit RandomSequence(std::uint64_t key) : key_(key) {}

  std::uint32_t word() {
    if (used_ == 4) {
      block_ = kernels::philox(key_, counter_++);
      used_ = 0;
    }
    return block_.word[used_++];
  }

  /// Uniform in [low, high), up to rounding at the upper end.
  float uniform(float low, float high) { return low + (high - low) * kernels::uniform_float(word()); }

  /// Uniform in [0, 1) with 53 bits.
  double uniform_double() {
    const std::uint32_t high = word();
    return kernels::uniform_double(high, word());
  }

  bool chance(float probability) { return kernels::uniform_float(word()) < probability; }

  /// Uniform in {0, ..., count - 1}, for count < 2^32; the bias is below count / 2^32.
  std::int64_t below(std::int64_t count) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(word()) * static_cast<std::uint64_t>(count) >> 32);
  }

  /// Mean 0, variance 1, within +-3.47: the sum of the four bytes of a word, which is close to a normal number.
  float nearly_normal() {
    const std::uint32_t bits = word();
    const std::uint32_t sum = (bits & 255u) + (bits >> 8 & 255u) + (bits >> 16 & 255u) + (bits >> 24);
    return (static_cast<float>(sum) - 510.0f) * (1.0f / 147.80054f);  // 147.8^2 = 4 (256^2 - 1) / 12
  }

 private:
  std::uint64_t key_;
  std::uint64_t counter_ = 0;
  kernels::PhiloxBlock block_{};
  int used_ = 4;
};

}  // namespace orbitgrad::experiments
