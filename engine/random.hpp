// Random numbers as pure functions of a key: no hidden state, so the same key gives the same bits on every device, for
// any number of threads and in any order of calls. Derive a fresh key for every use with split().
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/tensor.hpp"

namespace orbitgrad {

struct RandomKey {
  std::uint64_t value = 0;

  /// An independent key for each number, and for each name.
  RandomKey split(std::uint64_t stream) const;
  RandomKey split(std::string_view name) const;
};

/// Uniform in [low, high).
Tensor uniform(const Shape& shape, RandomKey key, double low = 0, double high = 1, DType dtype = DType::float32,
               DeviceKind device = default_device());
Tensor normal(const Shape& shape, RandomKey key, double mean = 0, double deviation = 1, DType dtype = DType::float32,
              DeviceKind device = default_device());
/// True with the given probability.
Tensor bernoulli(const Shape& shape, RandomKey key, double probability, DeviceKind device = default_device());
/// Integers in [0, bound), int64, without bias.
Tensor random_integers(const Shape& shape, RandomKey key, std::int64_t bound, DeviceKind device = default_device());
/// The numbers 0 .. count-1 in random order, int64.
Tensor random_permutation(std::int64_t count, RandomKey key, DeviceKind device = default_device());

/// Zeroes each element with the given probability and scales the others by 1 / (1 - probability).
Tensor dropout(const Tensor& x, double probability, RandomKey key);

}  // namespace orbitgrad
