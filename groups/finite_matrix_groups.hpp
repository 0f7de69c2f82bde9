// Finite groups as matrices: rotations of the plane, point groups of space, and permutations of coordinates up to the
// stickers of Rubik's cube.
#pragma once

#include "groups/matrix_group.hpp"
#include "groups/permutation.hpp"

namespace orbitgrad::groups {

/// Rotations of the plane by 2 pi / k, and with the reflection diag(-1, 1).
[[nodiscard]] MatrixGroup plane_cyclic(std::int64_t k);
[[nodiscard]] MatrixGroup plane_dihedral(std::int64_t k);

/// In space: "O" rotations of the cube (24 elements), "Oh" with -I (48), "T" rotations of the tetrahedron (12), "Td"
/// all its symmetries (24), "I" rotations of the icosahedron (60), "Ih" with -I (120).
[[nodiscard]] MatrixGroup point_group(const std::string& name);
[[nodiscard]] const std::vector<std::string>& point_group_names();

/// Permutation matrices P e_i = e_p(i) of generators of one degree.
[[nodiscard]] MatrixGroup permutation_matrices(std::string name, const std::vector<Permutation>& generators);
/// The cyclic shift of n coordinates.
[[nodiscard]] MatrixGroup cyclic_shifts(std::int64_t n);
/// All permutations of n coordinates, by the transpositions (0 k).
[[nodiscard]] MatrixGroup symmetric_matrices(std::int64_t n);
/// The 24 rotations of the cube as permutations of its 6 faces.
[[nodiscard]] MatrixGroup cube_faces();
/// Shifts of an n x n torus and turns by 360 / k degrees, on k n^2 coordinates [k, n, n]; k is 2 or 4.
[[nodiscard]] MatrixGroup torus_turns(std::int64_t k, std::int64_t n);

/// Quarter turns of the six faces of Rubik's cube on its 48 stickers: 43,252,003,274,489,856,000 elements.
[[nodiscard]] std::vector<Permutation> rubiks_cube_turns();
[[nodiscard]] MatrixGroup rubiks_cube();
/// What EMLP's code calls Rubik's cube: its turns of the whole cube move faces without turning their stickers. The
/// group is larger, (24!)^2 / 2 elements; kept to compare with published figures.
[[nodiscard]] std::vector<Permutation> published_rubiks_cube_turns();
[[nodiscard]] MatrixGroup published_rubiks_cube();

/// Orbit lengths of a chain of stabilizers; their product is the order of the generated group. Random Schreier-Sims
/// (Holt, Eick, O'Brien, Handbook of Computational Group Theory, 4.4.5): a lower bound that is wrong with probability
/// 2^-64. Error: no generator, or different degrees.
[[nodiscard]] std::vector<std::int64_t> stabilizer_chain(const std::vector<Permutation>& generators);

}  // namespace orbitgrad::groups
