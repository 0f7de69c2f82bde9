// Panels of an operand for the register tiles: to[panel][d][width] = from[i extent_stride + d depth_stride], where
// panel p holds the indices i = p width ... and zeros beyond the extent.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/gemm/vector.hpp"

namespace orbitgrad::kernels::cpu {

/// One panel of `count` <= width indices that are `extent_stride` apart, along a dense depth: to[d pitch + i].
template <class T>
void pack_rows(std::int64_t count, std::int64_t depth, std::int64_t width, const T* from, std::int64_t extent_stride,
               T* to, std::int64_t pitch) {
  constexpr std::int64_t block = lanes<T>;
  std::int64_t d = 0;
  for (; d + block <= depth; d += block)
    for (std::int64_t i = 0; i < width; i += block) {
      Vector<T> row[block];
#pragma GCC unroll 16
      for (std::int64_t r = 0; r < block; ++r)
        row[r] = i + r < count ? load(from + (i + r) * extent_stride + d) : Vector<T>{};
      transpose<T>(row);
      const std::uint32_t mask = (1u << std::min(block, width - i)) - 1;
#pragma GCC unroll 16
      for (std::int64_t r = 0; r < block; ++r) masked_store(to + (d + r) * pitch + i, mask, row[r]);
    }
  for (; d < depth; ++d)
    for (std::int64_t i = 0; i < width; ++i) to[d * pitch + i] = i < count ? from[i * extent_stride + d] : T{0};
}

/// Panels whose indices are neighbours in memory, sixteen at a time: long pieces of the rows are read, ahead of their
/// use.
template <class T>
void pack_columns(std::int64_t first, std::int64_t last, std::int64_t extent, std::int64_t depth, std::int64_t width,
                  const T* from, std::int64_t depth_stride, T* to) {
  constexpr std::int64_t together = 16, ahead = 8, block = lanes<T>;
  for (std::int64_t group = first; group < last; group += together)
    for (std::int64_t d = 0; d < depth; ++d)
      for (std::int64_t panel = group; panel < std::min(group + together, last); ++panel)
        for (std::int64_t i = 0; i < width; i += block) {
          const std::int64_t begin = panel * width + i, there = std::clamp<std::int64_t>(extent - begin, 0, block);
          const T* source = from + d * depth_stride + std::min(begin, extent);
          __builtin_prefetch(source + ahead * depth_stride);
          const auto mask = [](std::int64_t count) { return static_cast<std::uint32_t>((1u << count) - 1); };
          const Vector<T> value = masked_load(Vector<T>{}, mask(there), source);
          masked_store(to + panel * width * depth + d * width + i, mask(std::min(block, width - i)), value);
        }
}

/// Panels [first, last) of an operand of `extent` indices. One of the strides is 1, or the extent or depth is.
template <class T>
void pack(std::int64_t first, std::int64_t last, std::int64_t extent, std::int64_t depth, std::int64_t width,
          const T* from, std::int64_t extent_stride, std::int64_t depth_stride, T* to) {
  if (extent_stride == 1) return pack_columns(first, last, extent, depth, width, from, depth_stride, to);
  for (std::int64_t panel = first; panel < last; ++panel) {
    const std::int64_t begin = panel * width, count = std::min(width, extent - begin);
    const T* origin = from + begin * extent_stride;
    pack_rows(count, depth, width, origin, extent_stride, to + begin * depth, width);
  }
}

}  // namespace orbitgrad::kernels::cpu
