#include "groups/dihedral.hpp"

#include <utility>

#include "groups/error.hpp"

namespace orbitgrad::groups {

FiniteGroup dihedral(int n) {
  const std::int64_t order = 2 * static_cast<std::int64_t>(n);
  FiniteGroup::require_order("dihedral", order);
  std::vector<int> table;
  table.reserve(static_cast<std::size_t>(order * order));
  std::vector<std::string> names;
  for (int a = 0; a < 2 * n; ++a) {
    const int mirror_a = a / n, turn_a = a % n;
    for (int b = 0; b < 2 * n; ++b) {
      const int mirror_b = b / n, turn_b = b % n;
      const int turn = ((mirror_b == 0 ? turn_a : n - turn_a) + turn_b) % n;
      table.push_back(n * ((mirror_a + mirror_b) % 2) + turn);
    }
    names.push_back(
        a == 0 ? "e" : fmt::format("{}{}", mirror_a == 0 ? "" : "m", turn_a == 0 ? "" : fmt::format("r{}", turn_a)));
  }
  return {fmt::format("D{}", n), order, std::move(table), std::move(names)};
}

}  // namespace orbitgrad::groups
