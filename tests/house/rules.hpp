// The rules of the house that a machine can check: which floor may include which, where CUDA may be known, how long a
// file is and how a header opens. Pure functions of a path and a text, so that the rules themselves can be tested.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace orbitgrad::house {

/// Everything wrong with one file, each as "path:line: what. What to do."; `path` is relative to the root, with '/'.
std::vector<std::string> violations(std::string_view path, std::string_view text);

}  // namespace orbitgrad::house
