// Counter-based random numbers: Philox4x32-10. A block of four 32-bit words is a pure function of a 64-bit key and a
// 128-bit counter, so the same bits come out on every device, for any number of threads and any order of calls.
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

struct PhiloxBlock {
  std::uint32_t word[4];
};

ORBITGRAD_HOST_DEVICE inline PhiloxBlock philox(std::uint64_t key, std::uint64_t counter_low,
                                                std::uint64_t counter_high = 0) {
  std::uint32_t c0 = static_cast<std::uint32_t>(counter_low), c1 = static_cast<std::uint32_t>(counter_low >> 32);
  std::uint32_t c2 = static_cast<std::uint32_t>(counter_high), c3 = static_cast<std::uint32_t>(counter_high >> 32);
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53u} * c0;
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57u} * c2;
    const std::uint32_t high0 = static_cast<std::uint32_t>(product0 >> 32), low0 = static_cast<std::uint32_t>(product0);
    const std::uint32_t high1 = static_cast<std::uint32_t>(product1 >> 32), low1 = static_cast<std::uint32_t>(product1);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

/// Uniform in [0, 1) with 24 random bits: exact in float.
ORBITGRAD_HOST_DEVICE inline float uniform_float(std::uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1p-24f;
}

/// Uniform in [0, 1) with 53 random bits.
ORBITGRAD_HOST_DEVICE inline double uniform_double(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t bits = (static_cast<std::uint64_t>(high) << 32 | low) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

/// A key that depends on both arguments and collides no more often than chance: how streams are split.
ORBITGRAD_HOST_DEVICE inline std::uint64_t philox_split(std::uint64_t key, std::uint64_t stream) {
  const PhiloxBlock block = philox(key, stream, 0x73706c6974ull /* "split" */);
  return static_cast<std::uint64_t>(block.word[0]) << 32 | block.word[1];
}

}  // namespace orbitgrad::kernels
