// Random bits for groups: Philox under a key, 64 bits a call, so that a random group element is a function of its key.
#pragma once

#include "engine/random.hpp"
#include "groups/random_source.hpp"
#include "kernels/philox.hpp"

namespace orbitgrad {

/// The same key gives the same stream everywhere.
inline groups::RandomSource philox_source(RandomKey key) {
  return groups::RandomSource([key = key.value, count = std::uint64_t{0}]() mutable {
    const kernels::PhiloxBlock block = kernels::philox(key, count++);
    return static_cast<std::uint64_t>(block.word[0]) << 32 | block.word[1];
  });
}

}  // namespace orbitgrad
