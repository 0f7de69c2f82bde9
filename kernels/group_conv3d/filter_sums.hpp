// What both filter gradients do alike: a sum of an input field belongs to one thread, which adds up the products of its
// rows with those of dy, tile by tile in their order. Few fields have several sums each, so that all threads have work.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/ceil_div.hpp"
#include "kernels/group_conv3d/padded_fields.hpp"

namespace orbitgrad::kernels::cpu {

struct PackedGradients {};
struct FilterSums {};

/// Tiles whose output gradients are packed at a time: enough work for all threads between two of their meetings.
inline constexpr std::int64_t tiles_at_a_time = 8;

/// Sums of one input field, by the shape alone: sum i has the tiles i, i + n, i + 2 n ... of each run. A sum repays its
/// start with two tiles.
inline std::int64_t sums_of_field(std::int64_t fields, std::int64_t tiles, std::int64_t images) {
  constexpr std::int64_t least_tiles = 2;
  const std::int64_t most = std::min({tiles, tiles * images / least_tiles, tiles_at_a_time});
  return std::clamp<std::int64_t>(ceil_div(tiles_at_a_time, std::max<std::int64_t>(fields, 1)), 1,
                                  std::max<std::int64_t>(most, 1));
}

/// One channel group.
template <class T>
struct FilterProblem {
  VolumeWalk walk;
  std::int64_t kernel, in_fields, planes, out_fields, order;
};

/// What a way of lowering adds: dy of one tile packed, an input field's products of one tile, and the end.
/// struct Way { static constexpr std::int64_t positions;   // most of a tile
///   std::int64_t packed_size, sums_size;   // of one tile, of one input field
///   void pack(const VolumeTile<T>&, std::int64_t first, const T* dy, T* packed) const;
///   Lowered lowered(const VolumeTile<T>&, std::int64_t first) const;   // what add reads a tile by
///   void add(const Lowered&, const T* field, const T* packed, T* sums) const;
///   void finish(std::int64_t c, const T* sums, T* dw) const; };
template <class T, class Way>
void sum_over_images(const GroupConv3dProblem& shape, const FilterProblem<T>& problem, const Way& way, const T* x,
                     const T* dy, T* dw) {
  const std::int64_t width = problem.walk.tile_positions(tile_columns<T>, Way::positions);
  const std::int64_t positions = problem.walk.positions(), tiles = (positions + width - 1) / width;
  const std::int64_t in_size = problem.in_fields * problem.planes * volume(problem.walk.from);
  const std::int64_t out_size = problem.out_fields * problem.order * positions;
  const std::int64_t field = problem.planes * volume(problem.walk.padded);
  const std::int64_t sums_each = sums_of_field(problem.in_fields, tiles, shape.batch);
  T* packed = workspace<PackedGradients, T>(std::min(tiles, tiles_at_a_time) * way.packed_size);
  T* sums = workspace<FilterSums, T>(problem.in_fields * sums_each * way.sums_size);
  const auto tile_at = [&](std::int64_t i) {
    return VolumeTile<T>(problem.walk, i * width, std::min(width, positions - i * width), width);
  };
  for (std::int64_t group = 0; group < shape.groups; ++group) {
    std::fill(sums, sums + problem.in_fields * sums_each * way.sums_size, T{0});
    for (std::int64_t n = 0; n < shape.batch; ++n) {
      const std::int64_t image = n * shape.groups + group;
      const T* padded = padded_fields(problem.walk, x + image * in_size, problem.in_fields * problem.planes);
      for (std::int64_t begin = 0; begin < tiles; begin += tiles_at_a_time) {
        const std::int64_t count = std::min(tiles_at_a_time, tiles - begin);
        parallel_for(count, 1, [&](std::int64_t first, std::int64_t last) {
          for (std::int64_t i = first; i < last; ++i)
            way.pack(tile_at(begin + i), (begin + i) * width, dy + image * out_size, packed + i * way.packed_size);
        });
        std::vector<typename Way::Lowered> lowered;
        for (std::int64_t i = 0; i < count; ++i)
          lowered.push_back(way.lowered(tile_at(begin + i), (begin + i) * width));
        parallel_for(problem.in_fields * sums_each, 1, [&](std::int64_t first, std::int64_t last) {
          for (std::int64_t sum = first; sum < last; ++sum)
            for (std::int64_t i = sum % sums_each; i < count; i += sums_each)
              way.add(lowered[static_cast<std::size_t>(i)], padded + sum / sums_each * field,
                      packed + i * way.packed_size, sums + sum * way.sums_size);
        });
      }
    }
    T* target = dw + group * (shape.w_size() / shape.groups);
    parallel_for(problem.in_fields, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t c = first; c < last; ++c) {
        T* const total = sums + c * sums_each * way.sums_size;
        for (std::int64_t i = 1; i < sums_each; ++i)
          for (std::int64_t j = 0; j < way.sums_size; ++j) total[j] += total[i * way.sums_size + j];
        way.finish(c, total, target);
      }
    });
  }
}

/// dy[k, s] at the positions of a tile, zero beyond them.
template <class T>
void read_gradient(const VolumeTile<T>& tile, const T* from, T* to) {
  std::copy(from, from + tile.count(), to);
  std::fill(to + tile.count(), to + tile.width(), T{0});
}

template <class T>
FilterProblem<T> group_problem(const GroupConv3dProblem& shape) {
  return {forward_walk(shape),
          shape.kernel,
          shape.in_fields / shape.groups,
          shape.in_order,
          shape.out_fields / shape.groups,
          shape.order};
}

}  // namespace orbitgrad::kernels::cpu
