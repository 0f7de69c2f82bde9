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

/// Shared by all calls with the same matrices. Error of `op` unless every matrix permutes the axes up to sign and the
/// first one is the identity.
std::shared_ptr<const VoxelTables> voxel_tables(std::string_view op, const groups::VoxelGroup& group);

}  // namespace orbitgrad
