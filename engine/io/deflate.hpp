// Deflate (RFC 1951) by zlib, without a header: what zip files hold. A build without zlib has none of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace orbitgrad::io {

bool deflate_available();

/// The bytes deflated, or inflated again. The result of inflate grows with the bytes there are. None: the stream is
/// damaged, does not end with the text, or gives more than most_bytes. Error of `op` without zlib.
std::string deflate_bytes(std::string_view op, std::string_view bytes);
std::optional<std::string> inflate_bytes(std::string_view op, std::string_view packed, std::uint64_t most_bytes);

}  // namespace orbitgrad::io
