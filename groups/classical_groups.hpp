// The classical matrix groups by their generators: E_ij is the matrix unit, n the size of the matrices.
// Every function fails for sizes outside the range it states.
#pragma once

#include "groups/matrix_group.hpp"

namespace orbitgrad::groups {

/// No generators: every map is equivariant. n >= 1.
[[nodiscard]] MatrixGroup trivial_group(std::int64_t n);

/// E_ij - E_ji. n >= 1.
[[nodiscard]] MatrixGroup special_orthogonal(std::int64_t n);
/// And diag(-1, 1, .., 1).
[[nodiscard]] MatrixGroup orthogonal(std::int64_t n);
/// Positive multiples of the identity, on one vector space of n dimensions.
[[nodiscard]] MatrixGroup scaling(std::int64_t n);
/// diag(-1, 1, .., 1) alone.
[[nodiscard]] MatrixGroup reflection(std::int64_t n);

/// Lorentz transformations of coordinates (t, x): boosts E_0i + E_i0, and rotations. `space` is 1 or 3.
/// Identity component; with -I for SO(1, n); with -I and the reversal of time for O(1, n).
[[nodiscard]] MatrixGroup proper_lorentz(std::int64_t space);
[[nodiscard]] MatrixGroup special_lorentz(std::int64_t space);
[[nodiscard]] MatrixGroup lorentz(std::int64_t space);
/// diag(1, -1, -1, -1) and diag(-1, 1, 1, 1).
[[nodiscard]] MatrixGroup parity();
[[nodiscard]] MatrixGroup time_reversal();

/// Real symplectic group of 2m x 2m matrices, coordinates (q, p).
[[nodiscard]] MatrixGroup symplectic(std::int64_t m);
[[nodiscard]] MatrixGroup special_linear(std::int64_t n);
/// The identity component.
[[nodiscard]] MatrixGroup general_linear(std::int64_t n);
/// Complex matrices.
[[nodiscard]] MatrixGroup unitary(std::int64_t n);
[[nodiscard]] MatrixGroup special_unitary(std::int64_t n);

/// Homogeneous coordinates (x, 1) of R^n: matrices of size n + 1. Generators E_in.
[[nodiscard]] MatrixGroup translations(std::int64_t n);
/// Rotations of x. d = n + 1.
[[nodiscard]] MatrixGroup homogeneous_rotations(std::int64_t n);
/// Translations with rotations, SE(n), and with reflections too, E(n).
[[nodiscard]] MatrixGroup special_euclidean(std::int64_t n);
[[nodiscard]] MatrixGroup euclidean(std::int64_t n);

/// The group acts on the coordinates `coordinates` of R^dimension and fixes the others. Error: a coordinate outside,
/// taken twice, or a wrong number of them.
[[nodiscard]] MatrixGroup embedded(const MatrixGroup& group, std::int64_t dimension,
                                   const std::vector<std::int64_t>& coordinates);
/// The group that both generate. Error: different dimensions, or no group given.
[[nodiscard]] MatrixGroup generated_by(const std::vector<MatrixGroup>& parts);
/// All Kronecker products g x h: generators A x I, I x B, d = d1 d2.
[[nodiscard]] MatrixGroup direct_product(const MatrixGroup& first, const MatrixGroup& second);
/// N H in matrices of one size. Error with the residual: an element of H does not normalize N, that is some h A h^-1
/// or [B, A] is outside the Lie algebra of N. Discrete generators of N are not checked.
[[nodiscard]] MatrixGroup semidirect_product(const MatrixGroup& normal, const MatrixGroup& acting);

}  // namespace orbitgrad::groups
