// The one exception type of the project. Every message reads `[op] what is wrong, with shapes. What to do.`
// It lives here because `groups` is the lowest floor that reports errors (kernels take checked arguments).
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace orbitgrad {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws Error("[op] message"), the message formatted with fmt.
template <class... Args>
[[noreturn]] void fail(std::string_view op, fmt::format_string<Args...> message, Args&&... args) {
  throw Error(fmt::format("[{}] {}", op, fmt::format(message, std::forward<Args>(args)...)));
}

/// Fails with the message unless the condition holds.
template <class... Args>
void require(bool condition, std::string_view op, fmt::format_string<Args...> message, Args&&... args) {
  if (!condition) [[unlikely]]
    fail(op, message, std::forward<Args>(args)...);
}

}  // namespace orbitgrad
