// The cyclic group C_n: r r' = r + r' mod n.
#pragma once

#include "groups/finite_group.hpp"

namespace orbitgrad::groups {

/// Element r is the r-th power of the generator 1. Error unless 1 <= n <= FiniteGroup::max_order.
[[nodiscard]] FiniteGroup cyclic(int n);

}  // namespace orbitgrad::groups
