#include "groups/cyclic.hpp"

#include <utility>

#include "groups/error.hpp"

namespace orbitgrad::groups {

FiniteGroup cyclic(int n) {
  FiniteGroup::require_order("cyclic", n);
  std::vector<int> table;
  table.reserve(static_cast<std::size_t>(n) * static_cast<std::size_t>(n));
  std::vector<std::string> names;
  for (int a = 0; a < n; ++a) {
    for (int b = 0; b < n; ++b) table.push_back((a + b) % n);
    names.push_back(a == 0 ? "e" : fmt::format("r{}", a));
  }
  return {fmt::format("C{}", n), n, std::move(table), std::move(names)};
}

}  // namespace orbitgrad::groups
