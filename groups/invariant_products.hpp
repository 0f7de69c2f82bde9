// First fundamental theorem of invariant theory (Weyl, The Classical Groups, 1939): the tensors in V^p x V*^q that a
// classical group leaves as they are are spanned by products of the pairing V x V*, of the invariant form if there is
// one, and of the Levi-Civita tensor if the determinant is 1. Products are dependent in general; their Gram matrix says
// how.
#pragma once

#include "groups/invariant_basis.hpp"

namespace orbitgrad::groups {

/// Orthonormal columns; axis k is V* where dual[k], V elsewhere, of n dimensions each. Nothing if there are more than
/// 2000 products or 2^25 entries.
template <class T>
[[nodiscard]] std::optional<SparseColumns<T>> products_of_invariants(const std::vector<bool>& dual, std::int64_t n,
                                                                     const FundamentalInvariants& invariants);

}  // namespace orbitgrad::groups
