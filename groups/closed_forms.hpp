// Bases of invariant tensors that are known without solving: orbits of coordinates for permutations, products of the
// invariant form, the pairing and the volume for classical groups (Weyl, The Classical Groups, 1939), and what follows
// from the parts of embeddings and products.
#pragma once

#include <optional>

#include "groups/invariant_basis.hpp"

namespace orbitgrad::groups {

/// Nothing if no closed form is known for the type, or if it is too large for it. Error: above the memory limit.
template <class T>
[[nodiscard]] std::optional<InvariantBasis<T>> closed_form(const TensorType& type, const MatrixGroup& group,
                                                           const BasisOptions& options);

}  // namespace orbitgrad::groups
