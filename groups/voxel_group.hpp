// Point groups of the cubic lattice: each element s is a signed permutation h_s of the axes, an integer 3x3 matrix that
// acts on offsets (depth, row, col). Element 0 is the identity. The largest is Oh with its 48 elements; O has the 24
// rotations among them (Winkels and Cohen, "3D G-CNNs for pulmonary nodule detection", 2018, section 3).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "groups/finite_group.hpp"

namespace orbitgrad::groups {

/// Row-major 3x3.
using VoxelMatrix = std::array<int, 9>;

struct VoxelGroup {
  FiniteGroup group;
  std::vector<VoxelMatrix> matrices;  // [S], matrices[s] = h_s
  std::string name;

  [[nodiscard]] int order() const { return group.order(); }
  /// index(h_s^-1 h_t) as [S, S] row-major.
  [[nodiscard]] std::vector<std::int32_t> filter_element_table() const;
};

/// One of voxel_group_names(); error that lists them for any other name. Rotations alone: C1, C2 and C4 about the depth
/// axis, D4 with half turns about the other axes too, T (12), O (24). With reflections: Ci (with -1), Td (24), Th (24),
/// Oh (48).
[[nodiscard]] VoxelGroup voxel_group(std::string_view name);
[[nodiscard]] const std::vector<std::string>& voxel_group_names();

/// Error of `where` unless the matrices are different signed permutations, the identity first, that multiply as the
/// table of the group says; so there are at most 48. What the functions here return passes.
void require_voxel_group(std::string_view where, const VoxelGroup& voxel_group);

/// The group that these matrices generate. Error: one of them is no signed permutation of the axes.
[[nodiscard]] VoxelGroup voxel_group_from_generators(const std::string& name,
                                                     const std::vector<VoxelMatrix>& generators);

}  // namespace orbitgrad::groups
