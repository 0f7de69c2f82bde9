// Cyclic redundancy checks of 32 bits, both with bits reversed: CRC-32 of IEEE 802.3, which gzip and zip have, and
// CRC-32C (Castagnoli, RFC 3720), which TensorBoard's files have.
#pragma once

#include <cstdint>
#include <string_view>

namespace orbitgrad::io {

/// Of what was summed so far followed by the bytes.
std::uint32_t crc32(std::string_view bytes, std::uint32_t so_far = 0);
std::uint32_t crc32c(std::string_view bytes, std::uint32_t so_far = 0);

}  // namespace orbitgrad::io
