// FNV-1a, 64 bits (Fowler, Noll and Vo): hash <- (hash xor word) * 0x100000001b3 for each word, from
// 0xcbf29ce484222325. It tells data, files and names apart, by accident's measure; it is no protection against intent.
#pragma once

#include <cstdint>
#include <string_view>

namespace orbitgrad::groups {

class FnvHash {
 public:
  constexpr void add(std::uint64_t word) { value_ = (value_ ^ word) * 0x100000001b3u; }
  constexpr std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325u;
};

/// Of bytes, each a word.
constexpr std::uint64_t fnv_hash(std::string_view bytes) {
  FnvHash hash;
  for (const char byte : bytes) hash.add(static_cast<unsigned char>(byte));
  return hash.value();
}

}  // namespace orbitgrad::groups
