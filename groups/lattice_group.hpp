// Point groups of the square lattice: each element s is an integer 2x2 matrix h_s that acts on offsets (row, col), row
// down and col right. R (row, col) -> (-col, row) is one counter-clockwise quarter turn, M (row, col) -> (-row, col).
// p4 has h_r = R^r, p4m has h_{4m+r} = M^m R^r (first rotate, then mirror): the numbering of Cohen and Welling,
// Group Equivariant Convolutional Networks (2016), section 4. On the hexagonal lattice, in axial coordinates (row,
// col): R (row, col) -> (-col, row + col) is one sixth of a turn, M (row, col) -> (col, row) a mirror.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "groups/finite_group.hpp"

namespace orbitgrad::groups {

/// Row-major [[m0, m1], [m2, m3]].
using LatticeMatrix = std::array<int, 4>;

struct LatticeGroup {
  FiniteGroup group;
  std::vector<LatticeMatrix> matrices;  // [S], matrices[s] = h_s
  std::string name;

  [[nodiscard]] int order() const { return group.order(); }
  /// True if some element swaps rows and columns, so that it acts on square grids only.
  [[nodiscard]] bool has_quarter_turns() const;
  /// True if some matrix is no symmetry of the square lattice: the group acts on hexagons (engine/ops/hexagonal.hpp).
  [[nodiscard]] bool is_hexagonal() const;
  /// index(h_s^-1 h_t) as [S, S] row-major: the filter element that joins input element t to output element s.
  [[nodiscard]] std::vector<std::int32_t> filter_element_table() const;
};

/// One of lattice_group_names() or hexagonal_group_names(). Error that lists them for any other name.
///   p1   S = 1   the identity
///   p2   S = 2   s = r        R^(2r)
///   p4   S = 4   s = r        R^r
///   pm   S = 2   s = m        columns flipped m times
///   p4m  S = 8   s = 4m + r   M^m R^r
///   p6   S = 6   s = r        R^r, of the hexagonal lattice
///   p6m  S = 12  s = 6m + r   M^m R^r
[[nodiscard]] LatticeGroup lattice_group(std::string_view name);
/// Of the square lattice.
[[nodiscard]] const std::vector<std::string>& lattice_group_names();
[[nodiscard]] const std::vector<std::string>& hexagonal_group_names();

/// A group of integer matrices in the given order; its Cayley table comes from matrix products. `element_names` as in
/// FiniteGroup. Error if a matrix is repeated or a product is not among the matrices.
[[nodiscard]] LatticeGroup lattice_group_from_matrices(const std::string& name, std::vector<LatticeMatrix> matrices,
                                                       std::vector<std::string> element_names = {});

}  // namespace orbitgrad::groups
