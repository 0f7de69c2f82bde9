// The fields of one image of one channel group, each plane with its border of zeros; no copy where there is no border.
#pragma once

#include <vector>

#include "kernels/gemm/workspace.hpp"
#include "kernels/group_conv3d/volume_tile.hpp"
#include "kernels/parallel.hpp"

namespace orbitgrad::kernels::cpu {

struct PaddedFields {};

/// `planes` volumes, dense from `from` on; the result is `from` itself or lives until the next call on this thread.
template <class T>
const T* padded_fields(const VolumeWalk& walk, const T* from, std::int64_t planes) {
  if (walk.border == 0 && walk.spread == 1 && walk.from == walk.padded) return from;
  const std::int64_t source = volume(walk.from), target = volume(walk.padded);
  T* to = workspace<PaddedFields, T>(planes * target);
  parallel_for(planes, std::max<std::int64_t>(1, (1 << 14) / std::max<std::int64_t>(target, 1)),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) pad_volume(walk, from + i * source, to + i * target);
               });
  return to;
}

/// Calls body(tile, its first position) for all tiles of at most `most` positions of one image, spread over the
/// threads.
template <class T, class Body>
void for_each_tile(const VolumeWalk& walk, std::int64_t most, double flops_of_tile, Body&& body) {
  const std::int64_t positions = walk.positions(), width = walk.tile_positions(tile_columns<T>, most);
  const std::int64_t tiles = (positions + width - 1) / width;
  parallel_for(tiles, std::max<std::int64_t>(1, static_cast<std::int64_t>(2e5 / std::max(flops_of_tile, 1.0))),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   const std::int64_t first = i * width;
                   body(VolumeTile<T>(walk, first, std::min(width, positions - first), width), first);
                 }
               });
}

/// The parts of a tile at `first`, of `width` positions each: some may have none.
template <class T>
std::vector<VolumeTile<T>> parts_of(const VolumeWalk& walk, const VolumeTile<T>& tile, std::int64_t first,
                                    std::int64_t width) {
  std::vector<VolumeTile<T>> parts;
  for (std::int64_t i = 0; i < tile.width(); i += width)
    parts.emplace_back(walk, first + i, std::clamp<std::int64_t>(tile.count() - i, 0, width), width);
  return parts;
}

/// How `extent` rows are cut into register tiles of equal height.
struct RowTiles {
  std::int64_t extent, count, height;
  explicit RowTiles(std::int64_t rows)
      : extent(rows), count((rows + max_tile_rows - 1) / max_tile_rows), height((rows + count - 1) / count) {}
  std::int64_t padded() const { return count * height; }
};

}  // namespace orbitgrad::kernels::cpu
