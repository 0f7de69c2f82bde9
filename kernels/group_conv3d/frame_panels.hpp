// Panels: what the transform of one field leaves of some taps at two vectors of positions, [block][f][tap][j] rows,
// which the products of the blocks read in this order.
#pragma once

#include <vector>

#include "kernels/gemm/micro_kernel.hpp"
#include "kernels/group_conv3d/frame_program.hpp"

namespace orbitgrad::kernels::cpu {

/// Positions that pass together from the transform to the products, two vectors, and how many taps: what they read and
/// make stays near. Tiles are longer, so that outputs are read and written in whole lines of memory.
template <class T>
inline constexpr std::int64_t block_positions = tile_columns<T>;
inline constexpr std::int64_t taps_at_a_time = 27;

/// Output (block, f, j) of tap t is row first + t step of the panels.
struct PanelRow {
  std::int64_t first, step;
};

template <class T>
struct Panels {
  T* data;
  std::vector<TapRow<T>> rows;  // of the outputs, in their order

  Panels(const FrameTransform& transform, T* to) : data(to) {
    for (const FrameBlock& block : transform.blocks)
      for (std::int64_t f = 0; f < block.size; ++f, to += taps_at_a_time * block.degree * block_positions<T>)
        for (std::int64_t j = 0; j < block.degree; ++j)
          rows.push_back({to + j * block_positions<T>, block.degree * block_positions<T>});
  }
  /// Elements of all rows.
  static std::int64_t size(const FrameTransform& transform) {
    std::int64_t rows = 0;
    for (const FrameBlock& block : transform.blocks) rows += taps_at_a_time * block.degree * block.size;
    return rows * block_positions<T>;
  }
};

}  // namespace orbitgrad::kernels::cpu
