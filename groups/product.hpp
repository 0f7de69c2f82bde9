// Products of groups: A x B with (a, b)(a', b') = (a a', b b'), and the semidirect product N x| H in which H acts on N
// by automorphisms phi_h: (n, h)(n', h') = (n phi_h(n'), h h'). The pair (x, y) has index x |second factor| + y.
#pragma once

#include <span>

#include "groups/finite_group.hpp"

namespace orbitgrad::groups {

/// Error if the order of the product exceeds FiniteGroup::max_order.
[[nodiscard]] FiniteGroup direct_product(const FiniteGroup& first, const FiniteGroup& second);

/// `automorphisms` is [|H|, |N|] row-major: automorphisms[h |N| + n] = phi_h(n). Error that names the element if some
/// phi_h is no automorphism of N, or if phi_a phi_b differs from phi_ab.
[[nodiscard]] FiniteGroup semidirect_product(const FiniteGroup& normal, const FiniteGroup& acting,
                                             std::span<const int> automorphisms);

}  // namespace orbitgrad::groups
