// An atom is a representation given by its matrices: rho(g) of a group element g, a matrix of the defining
// representation, and drho(A) of an element A of the Lie algebra. All others are sums and tensor products of atoms.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "groups/enumeration.hpp"
#include "groups/irreps.hpp"
#include "groups/matrix_group.hpp"

namespace orbitgrad::groups {

struct Atom {
  std::string name;  // as Representation::parse reads it; equal names of one group mean equal matrices
  std::int64_t dimension = 0;
  std::function<ComplexMatrix(const ComplexMatrix& g)> element;
  std::function<ComplexMatrix(const ComplexMatrix& a)> algebra;
};
using AtomPointer = std::shared_ptr<const Atom>;

/// V: g itself.
[[nodiscard]] AtomPointer base_atom(const MatrixGroup& group);
/// rho(g)^-T and -drho(A)^T; the atom itself if it is real and orthogonal at all generators of the group.
[[nodiscard]] AtomPointer dual_atom(const AtomPointer& atom, const MatrixGroup& group);

/// Irrep k of the circle, for groups of 2 x 2 orthogonal matrices: a turn by k times the angle; a reflection acts by
/// diag(1, -1) before it. k = 0 is the trivial one, `odd` with k = 0 the sign det g.
[[nodiscard]] AtomPointer circle_atom(const MatrixGroup& group, std::int64_t k, bool odd = false);
/// Order l for groups of 3 x 3 orthogonal matrices: D^l of the rotation part. -1 acts as (-1)^l, and with `opposite`
/// parity as -(-1)^l: true scalars and vectors are 0 and 1, pseudoscalars and pseudovectors their opposites.
[[nodiscard]] AtomPointer angular_atom(const MatrixGroup& group, std::int64_t l, bool opposite = false);

/// Left translations of functions on a finite group. Errors of Enumeration; so below.
[[nodiscard]] AtomPointer regular_atom(const MatrixGroup& group);
/// Functions on the left cosets of the subgroup that the elements generate, by their numbers in Enumeration.
[[nodiscard]] AtomPointer quotient_atom(const MatrixGroup& group, const std::vector<int>& generators);
/// Real irrep number k as irreps<double>() orders them.
[[nodiscard]] AtomPointer finite_irrep_atom(const MatrixGroup& group, std::int64_t k);
/// Induced from irrep k of the subgroup that the elements generate: degree times the index of the subgroup.
[[nodiscard]] AtomPointer induced_atom(const MatrixGroup& group, std::int64_t k, const std::vector<int>& generators);

}  // namespace orbitgrad::groups
