// Text of others as it stands in a message: no control characters, which would cut the message off or steer a terminal,
// and not more of it than helps.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace orbitgrad {

/// The text with \x00 to \x1f and \x7f written like that; what is behind the first `longest` bytes becomes "..".
inline std::string printable(std::string_view text, std::size_t longest = 200) {
  std::string result;
  for (const char c : text.substr(0, longest)) {
    const auto code = static_cast<unsigned char>(c);
    if (code < 0x20 || code == 0x7f)
      result += fmt::format("\\x{:02x}", code);
    else
      result += c;
  }
  if (text.size() > longest) result += "..";
  return result;
}

}  // namespace orbitgrad
