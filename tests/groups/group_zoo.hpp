// Groups of many kinds, for properties that every group must have, and a check of error texts.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "groups/cyclic.hpp"
#include "groups/dihedral.hpp"
#include "groups/error.hpp"
#include "groups/finite_group.hpp"
#include "groups/lattice_group.hpp"
#include "groups/product.hpp"
#include "groups/symmetric.hpp"

namespace orbitgrad::groups {

/// The quaternion group: +-1, +-i, +-j, +-k with index 2 * axis + (negative ? 1 : 0).
inline FiniteGroup quaternion_group() {
  // axis product and sign of (1, i, j, k) x (1, i, j, k)
  constexpr int axis[4][4] = {{0, 1, 2, 3}, {1, 0, 3, 2}, {2, 3, 0, 1}, {3, 2, 1, 0}};
  constexpr int negative[4][4] = {{0, 0, 0, 0}, {0, 1, 0, 1}, {0, 1, 1, 0}, {0, 0, 1, 1}};
  std::vector<int> table;
  for (int a = 0; a < 8; ++a) {
    for (int b = 0; b < 8; ++b) {
      table.push_back(2 * axis[a / 2][b / 2] + (a % 2 + b % 2 + negative[a / 2][b / 2]) % 2);
    }
  }
  return {"Q8", 8, table};
}

/// C_3 numbered so that the identity is element 2.
inline FiniteGroup cyclic_with_late_identity() { return {"C3 renumbered", 3, {1, 2, 0, 2, 0, 1, 0, 1, 2}}; }

inline std::vector<FiniteGroup> group_zoo() {
  std::vector<FiniteGroup> zoo = {quaternion_group(), cyclic_with_late_identity()};
  for (const int n : {1, 2, 3, 5, 12}) zoo.push_back(cyclic(n));
  for (const int n : {1, 2, 3, 4, 6, 7}) zoo.push_back(dihedral(n));
  for (const int n : {1, 2, 3, 4}) {
    zoo.push_back(symmetric(n).group);
    zoo.push_back(alternating(n).group);
  }
  for (const auto& name : lattice_group_names()) zoo.push_back(lattice_group(name).group);
  zoo.push_back(direct_product(cyclic(4), symmetric(3).group));
  zoo.push_back(direct_product(quaternion_group(), cyclic_with_late_identity()));
  return zoo;
}

/// Expects an Error that opens with "[op] " and contains every given piece of text.
template <class Call>
void expect_error(Call call, const std::string& op, const std::vector<std::string>& pieces) {
  try {
    call();
    ADD_FAILURE() << "expected an error from " << op;
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.rfind("[" + op + "] ", 0), 0U) << text;
    for (const auto& piece : pieces) EXPECT_NE(text.find(piece), std::string::npos) << text << "\nlacks: " << piece;
  }
}

}  // namespace orbitgrad::groups
