// The dihedral group D_n of order 2n: n rotations R^r and n mirrors M R^r, with R M = M R^-1.
// Element n m + r is M^m R^r (first rotate, then mirror), as in the lattice group p4m:
// (m1, r1)(m2, r2) = (m1 + m2 mod 2, (-1)^m2 r1 + r2 mod n).
#pragma once

#include "groups/finite_group.hpp"

namespace orbitgrad::groups {

/// Symmetries of the regular n-gon; D_1 is C_2 and D_2 is C_2 x C_2. Error unless 1 <= 2n <= FiniteGroup::max_order.
[[nodiscard]] FiniteGroup dihedral(int n);

}  // namespace orbitgrad::groups
