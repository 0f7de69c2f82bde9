// An orthonormal basis of the null space of the constraints C, for groups without a closed form. A random vector b
// loses everything outside it when y with K y = K b, K = C^H C, is subtracted; conjugate gradients find y, and their
// coefficients are Lanczos's, whose Ritz values bound the spectrum and so prove a gap. Permuting the axes of a solution
// gives further ones; all found are deflated, until a random vector has nothing left.
#pragma once

#include "groups/constraints.hpp"

namespace orbitgrad::groups {

template <class T>
struct NullSpace {
  std::vector<std::vector<T>> vectors;  // orthonormal, [size] each
  std::string solver;                   // "dense" or "lanczos"
  double gap = 0;                       // smallest eigenvalue of K that is not 0, over the largest
  std::int64_t products = 0;            // with K
};

/// Error: no clear gap between the eigenvalues that are 0 and the others, or more bytes needed than `memory_limit`.
template <class T>
[[nodiscard]] NullSpace<T> null_space(Constraints<T>& constraints, const TensorType& type, std::int64_t memory_limit);

}  // namespace orbitgrad::groups
