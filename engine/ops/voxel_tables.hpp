// The numbers of a voxel group as kernels read them, made once per group. Included by op sources only.
#pragma once

#include <memory>
#include <vector>

#include "groups/voxel_group.hpp"
#include "kernels/group_conv3d/group_conv3d.hpp"

namespace orbitgrad {

struct VoxelTables {
  std::vector<std::int32_t> matrices;        // [S, 9]
  std::vector<std::int32_t> filter_element;  // [S, S], index(h_s^-1 h_t)
  kernels::FrameTransform transform;
};

/// Shared by all calls with the same group. Errors of `op`: those of groups::require_voxel_group.
std::shared_ptr<const VoxelTables> voxel_tables(std::string_view op, const groups::VoxelGroup& group);

}  // namespace orbitgrad
