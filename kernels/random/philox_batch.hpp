// Eight Philox blocks with consecutive counters at once, one in each 64-bit lane of a vector (GCC and Clang extension;
// the compiler splits it where the machine has shorter vectors). The words are those of philox(): only the speed
// differs.
#pragma once

#include <cstdint>

#include "kernels/philox.hpp"

namespace orbitgrad::kernels {

inline constexpr std::int64_t philox_batch_blocks = 8;
inline constexpr std::int64_t philox_batch_words = 4 * philox_batch_blocks;

/// words[4 j + i] = word i of philox(key, first + j), j in [0, 8).
inline void philox_batch(std::uint64_t key, std::uint64_t first, std::uint32_t* words) {
  using Lanes = std::uint64_t __attribute__((vector_size(64)));
  const Lanes counter = first + Lanes{0, 1, 2, 3, 4, 5, 6, 7};
  const std::uint64_t low = 0xFFFFFFFFu;
  Lanes c0 = counter & low, c1 = counter >> 32, c2 = {}, c3 = {};
  std::uint64_t k0 = key & low, k1 = key >> 32;
  for (int round = 0; round < 10; ++round) {
    const Lanes product0 = c0 * 0xD2511F53u, product1 = c2 * 0xCD9E8D57u;
    c0 = (product1 >> 32) ^ c1 ^ k0;
    c1 = product1 & low;
    c2 = (product0 >> 32) ^ c3 ^ k1;
    c3 = product0 & low;
    k0 = (k0 + 0x9E3779B9u) & low;
    k1 = (k1 + 0xBB67AE85u) & low;
  }
  const Lanes front = c0 | c1 << 32, back = c2 | c3 << 32;
  for (int j = 0; j < 8; ++j) {
    words[4 * j] = static_cast<std::uint32_t>(front[j]);
    words[4 * j + 1] = static_cast<std::uint32_t>(front[j] >> 32);
    words[4 * j + 2] = static_cast<std::uint32_t>(back[j]);
    words[4 * j + 3] = static_cast<std::uint32_t>(back[j] >> 32);
  }
}

}  // namespace orbitgrad::kernels
