// Asks for cache lines ahead of their use, so that the formula of one piece of an array meets the memory of another.
#pragma once

#include <cstdint>

namespace orbitgrad::kernels::cpu {

inline constexpr std::int64_t cache_line = 64;  // bytes

/// The lines of `count` elements that will be read (or written); they need not exist.
template <bool writes, class T>
[[gnu::always_inline]] inline void prefetch(const T* from, std::int64_t count) {
  const auto address = reinterpret_cast<std::uintptr_t>(from);
  for (std::int64_t i = 0; i < count * static_cast<std::int64_t>(sizeof(T)); i += cache_line)
    __builtin_prefetch(reinterpret_cast<const void*>(address + static_cast<std::uintptr_t>(i)), writes);
}

}  // namespace orbitgrad::kernels::cpu
