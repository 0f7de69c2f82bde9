// All irreducible representations of a finite group from its Cayley table. A random symmetric element of the algebra of
// right translations commutes with the left regular representation, and its eigenspaces are irreducible (Dixon,
// "Computing irreducible representations of groups", 1970). A real irrep of degree d over the algebra of real (1),
// complex (2) or quaternionic (4) type obeys sum d^2 / type = |G|.
#pragma once

#include <vector>

#include "groups/finite_group.hpp"
#include "groups/matrix.hpp"

namespace orbitgrad::groups {

enum class IrrepType { real = 1, complex = 2, quaternionic = 4 };

template <class T>
struct IrrepOf {
  std::int64_t degree = 0;
  /// Of a real irrep: the algebra of maps that commute with it. Of a complex one, by Frobenius and Schur:
  /// real, not equivalent to its conjugate, or equivalent to it without being real.
  IrrepType type = IrrepType::real;
  std::vector<MatrixOf<T>> matrices;  // [|G|], orthogonal or unitary
  std::vector<T> character;           // [|G|]
};
using Irrep = IrrepOf<double>;
using ComplexIrrep = IrrepOf<Complex>;

/// Largest order accepted.
inline constexpr int max_irrep_order = 512;

/// One of each class of equivalent irreps, by degree, the trivial one first. Error: order above max_irrep_order.
template <class T>
[[nodiscard]] std::vector<IrrepOf<T>> irreps(const FiniteGroup& group);

/// (1/|G|) sum_s conj(chi(s)) psi(s).
[[nodiscard]] double character_inner_product(const std::vector<double>& chi, const std::vector<double>& psi);
[[nodiscard]] Complex character_inner_product(const std::vector<Complex>& chi, const std::vector<Complex>& psi);

/// How often each irrep occurs in a representation with this character. Error: the result is not whole.
[[nodiscard]] std::vector<std::int64_t> multiplicities(const std::vector<Irrep>& irreps,
                                                       const std::vector<double>& character);

}  // namespace orbitgrad::groups
