#include "engine/ops/voxel_tables.hpp"

#include <cstdlib>
#include <map>
#include <mutex>

#include "engine/error.hpp"
#include "groups/orbit_sums.hpp"

namespace orbitgrad {

namespace {

// The matrices fix the products, so they are the key: two groups of one name may differ.
using Cache = std::map<std::vector<groups::VoxelMatrix>, std::shared_ptr<const VoxelTables>>;

bool permutes_axes(const groups::VoxelMatrix& m) {
  for (std::size_t i = 0; i < 3; ++i) {
    const int row = std::abs(m[3 * i]) + std::abs(m[3 * i + 1]) + std::abs(m[3 * i + 2]);
    const int column = std::abs(m[i]) + std::abs(m[3 + i]) + std::abs(m[6 + i]);
    if (row != 1 || column != 1) return false;
  }
  return true;
}

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
  auto tables = std::make_shared<VoxelTables>();
  require(!group.matrices.empty() && static_cast<int>(group.matrices.size()) == group.order(), op,
          "{} has {} matrices for {} elements. Make it with voxel_group(...).", group.name, group.matrices.size(),
          group.order());
  for (const groups::VoxelMatrix& m : group.matrices) {
    require(permutes_axes(m), op, "a matrix of {} is no symmetry of a cubic kernel. Make it with voxel_group(...).",
            group.name);
    tables->matrices.insert(tables->matrices.end(), m.begin(), m.end());
  }
  require(group.group.identity() == 0, op,
          "the first element of {} is not the identity. Make it with voxel_group(...).", group.name);
  tables->filter_element = group.filter_element_table();
  tables->transform = make_transform(group.group);
  return tables;
}

}  // namespace

std::shared_ptr<const VoxelTables> voxel_tables(std::string_view op, const groups::VoxelGroup& group) {
  static std::mutex mutex;
  static Cache cache;
  const std::lock_guard lock(mutex);
  auto& entry = cache[group.matrices];
  if (entry == nullptr) entry = make_tables(op, group);
  return entry;
}

}  // namespace orbitgrad
