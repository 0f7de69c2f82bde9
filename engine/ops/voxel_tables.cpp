#include "engine/ops/voxel_tables.hpp"

#include <map>
#include <mutex>

#include "groups/orbit_sums.hpp"

namespace orbitgrad {

namespace {

struct Entry {
  groups::FiniteGroup group;
  std::shared_ptr<const VoxelTables> tables;
};
// Two groups of one name may differ. The matrices fix the products, so they are the key.
using Cache = std::map<std::vector<groups::VoxelMatrix>, Entry>;

kernels::FrameTransform make_transform(const groups::FiniteGroup& group) {
  const std::vector<groups::IrrepFrame> frames = groups::irrep_frames(group);
  const groups::OrbitSums sums = groups::orbit_sums(group, frames);
  kernels::FrameTransform transform;
  transform.order = group.order();
  for (const groups::OrbitSumStep& step : sums.steps)
    transform.steps.push_back({step.a, step.b, step.c, step.sign_b, step.sign_c});
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const groups::IrrepFrame& frame = frames[i];
    kernels::FrameBlock block{frame.degree,      frame.size, frame.image,   frame.sign, frame.basis,
                              frame.coordinates, frame.gram, frame.divisor, {},         {}};
    for (const groups::SignedValue& sum : sums.sums[i]) {
      block.sum.push_back(sum.value);
      block.sum_sign.push_back(sum.sign);
    }
    transform.blocks.push_back(std::move(block));
  }
  return transform;
}

std::shared_ptr<const VoxelTables> make_tables(std::string_view op, const groups::VoxelGroup& group) {
  groups::require_voxel_group(op, group);
  auto tables = std::make_shared<VoxelTables>();
  for (const groups::VoxelMatrix& m : group.matrices)
    tables->matrices.insert(tables->matrices.end(), m.begin(), m.end());
  tables->filter_element = group.filter_element_table();
  tables->transform = make_transform(group.group);
  return tables;
}

}  // namespace

std::shared_ptr<const VoxelTables> voxel_tables(std::string_view op, const groups::VoxelGroup& group) {
  static std::mutex mutex;
  static Cache cache;
  const std::lock_guard lock(mutex);
  const auto known = cache.find(group.matrices);
  if (known != cache.end() && known->second.group.has_same_table(group.group)) return known->second.tables;
  auto tables = make_tables(op, group);  // an error if the matrices are known with another table
  cache.emplace(group.matrices, Entry{group.group, tables});
  return tables;
}

}  // namespace orbitgrad
