#include "engine/io/crc32.hpp"

#include <array>

namespace orbitgrad::io {

namespace {

/// The remainder of every byte by the polynomial, whose bits are reversed.
constexpr std::array<std::uint32_t, 256> remainders(std::uint32_t polynomial) {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ ((rest & 1) != 0 ? polynomial : 0u);
    table[byte] = rest;
  }
  return table;
}

template <std::uint32_t polynomial>
std::uint32_t checked(std::string_view bytes, std::uint32_t so_far) {
  static constexpr auto table = remainders(polynomial);
  std::uint32_t rest = ~so_far;
  for (const char c : bytes) rest = table[(rest ^ static_cast<unsigned char>(c)) & 0xff] ^ (rest >> 8);
  return ~rest;
}

}  // namespace

std::uint32_t crc32(std::string_view bytes, std::uint32_t so_far) { return checked<0xedb88320u>(bytes, so_far); }
std::uint32_t crc32c(std::string_view bytes, std::uint32_t so_far) { return checked<0x82f63b78u>(bytes, so_far); }

}  // namespace orbitgrad::io
