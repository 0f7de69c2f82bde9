// The lowering of irrep blocks: the rows of a column tile are read from the image, transformed over the group in
// registers and stored as one panel for each value of the transform.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/group_conv2d/column_tile.hpp"
#include "kernels/group_conv2d/orbit_reads.hpp"

namespace orbitgrad::kernels::cpu {

/// The reads, and where they lie in the planes of a field if the lowering is a shift.
struct TileReads : OrbitReads {
  std::vector<std::int64_t> offset;
};

inline TileReads tile_reads(const GroupConv2dProblem& problem, const TileGeometry& geometry) {
  TileReads reads{orbit_reads(problem), {}};
  const auto order = static_cast<std::size_t>(problem.order);
  for (std::size_t i = 0; i < reads.tap.size(); ++i) {
    const std::int64_t plane = reads.planes == 1 ? 0 : static_cast<std::int64_t>(i % order);
    const std::int64_t row = reads.tap[i] / problem.kernel, column = reads.tap[i] % problem.kernel;
    reads.offset.push_back((plane * geometry.height + row * geometry.dilation) * geometry.width +
                           column * geometry.dilation);
  }
  return reads;
}

template <class Irreps, class T>
class IrrepTile {
 public:
  /// `reads` outlives the tile.
  IrrepTile(const TileGeometry& geometry, const TileReads& reads)
      : columns_(geometry), reads_(&reads), masks_(reads.tap.size()) {}

  /// As of ColumnTile.
  void move_to(std::int64_t first) {
    columns_.move_to(first);
    if (!columns_.has_one_run()) return;
    for (std::size_t i = 0; i < masks_.size(); ++i) masks_[i] = columns_.run_mask(reads_->tap[i]);
  }

  const LaneRuns<T>& out_runs() const { return columns_.out_runs(); }

  /// Transforms one field of x: value p of tap w goes to panels + p panel + w pitch. Of the next field it fetches the
  /// line that this tile reads and its left neighbour does not, for the first tile of a group all lines.
  void transform(const T* x, bool is_first, T* panels, std::int64_t panel, std::int64_t pitch) const {
    const std::int64_t plane = columns_.plane_size();
    for (std::int64_t r = 0; r < reads_->planes; ++r) columns_.prefetch(x + (reads_->planes + r) * plane, is_first);
    if (columns_.has_one_run()) {
      const T* origin[2] = {x + columns_.run_offset(0), x + columns_.run_offset(1)};
      const std::uint32_t* masks = masks_.data();
      const std::int64_t* offsets = reads_->offset.data();
      transform_rows(panels, panel, pitch, [=](std::size_t i, int half) {
        return masked_load(Vector<T>{}, masks[i] >> half * lanes<T> & ((1u << lanes<T>)-1), origin[half] + offsets[i]);
      });
    } else {
      transform_rows(panels, panel, pitch, [&](std::size_t i, int half) {
        const std::int64_t r = reads_->planes == 1 ? 0 : static_cast<std::int64_t>(i % order);
        return columns_.read(x + r * plane, reads_->tap[i], half);
      });
    }
  }

 private:
  static constexpr int order = Irreps::order;

  template <class Load>
  [[gnu::always_inline]] void transform_rows(T* panels, std::int64_t panel, std::int64_t pitch, Load&& from) const {
    const std::size_t count = masks_.size();
    for (std::size_t i = 0; i < count; i += order, panels += pitch) {
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        Vector<T> value[order];
#pragma GCC unroll 8
        for (std::size_t r = 0; r < order; ++r) value[r] = from(i + r, half);
        Irreps::transform(value);
#pragma GCC unroll 8
        for (int p = 0; p < order; ++p) store(panels + p * panel + half * lanes<T>, value[p]);
      }
    }
  }

  ColumnTile<T> columns_;
  const TileReads* reads_;
  std::vector<std::uint32_t> masks_;  // of the reads, where each half of a row is one masked load
};

}  // namespace orbitgrad::kernels::cpu
