// The symmetric group S_n of all permutations of n points and the alternating group A_n of the even ones.
#pragma once

#include "groups/permutation.hpp"

namespace orbitgrad::groups {

/// Order n!, in lexicographic order. Error unless 1 <= n <= 7.
[[nodiscard]] PermutationGroup symmetric(int n);
/// Order n!/2 (1 for n = 1), in lexicographic order. Error unless 1 <= n <= 7.
[[nodiscard]] PermutationGroup alternating(int n);

}  // namespace orbitgrad::groups
