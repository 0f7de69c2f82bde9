// The known name nearest to a mistyped one, for errors: one that begins with it, else by edit distance (insert, delete,
// replace or swap neighbours).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace orbitgrad::nn {

/// Among equally near names, the one with the longest common beginning; empty when `names` is empty.
std::string nearest_name(std::string_view name, const std::vector<std::string>& names);

/// Throws: [op] unknown `what` "name". Did you mean "nearest"? Known: a, b, c.
[[noreturn]] void fail_unknown_name(std::string_view op, std::string_view what, std::string_view name,
                                    const std::vector<std::string>& names);

}  // namespace orbitgrad::nn
