// Filter gradients. Both implementations sum, for each input field, products of rows of the lowered field with rows of
// dy over the positions of a tile; an input field belongs to one thread, which adds the tiles up in their order.
#include "kernels/ceil_div.hpp"
#include "kernels/gemm/outer_kernel.hpp"
#include "kernels/gemm/pack.hpp"
#include "kernels/group_conv3d/frame_tile.hpp"
#include "kernels/group_conv3d/implementations.hpp"
#include "kernels/group_conv3d/padded_fields.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

struct Gradients {};
struct Packed {};
struct Rows {};
struct Transposed {};
struct Sums {};

/// Tiles whose output gradients are packed at a time: enough work for all threads between two of their meetings.
constexpr std::int64_t tiles_at_a_time = 8;

/// Lanes of the outer products are rows of dy in whole vectors.
template <class T>
std::int64_t vectors_of(std::int64_t rows) {
  return ceil_div(rows, lanes<T>);
}

template <class T>
std::int64_t padded_columns(std::int64_t columns) {
  return (columns + tile_columns<T> - 1) / tile_columns<T> * tile_columns<T>;
}

/// Rows [row][width] -> register tiles [row tile][position][height], zeros beyond the last row.
template <class T>
void pack_tiles(const RowTiles& tiles, const T* rows, std::int64_t row_stride, std::int64_t width, T* to) {
  for (std::int64_t tile = 0; tile < tiles.count; ++tile) {
    const std::int64_t count = std::min(tiles.height, tiles.extent - tile * tiles.height);
    pack_rows(count, width, tiles.height, rows + tile * tiles.height * row_stride, row_stride,
              to + tile * width * tiles.height, tiles.height);
  }
}

/// sums[row][column] += sum over positions of left[position][row] right[position][column], right in panels.
template <class T>
void add_products(const RowTiles& tiles, const T* left, const T* right, std::int64_t columns, std::int64_t width,
                  T* sums) {
  MicroKernel<T>* const kernel = micro_kernel_of<T>(tiles.height);
  for (std::int64_t column = 0; column < columns; column += tile_columns<T>)
    for (std::int64_t tile = 0; tile < tiles.count; ++tile)
      kernel(width, left + tile * width * tiles.height, right + column * width, tile_columns<T>,
             sums + tile * tiles.height * columns + column, columns, false);
}

/// One channel group.
template <class T>
struct Problem {
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
void sum_over_images(const GroupConv3dProblem& shape, const Problem<T>& problem, const Way& way, const T* x,
                     const T* dy, T* dw) {
  const std::int64_t width = problem.walk.tile_positions(tile_columns<T>, Way::positions);
  const std::int64_t positions = problem.walk.positions(), tiles = (positions + width - 1) / width;
  const std::int64_t in_size = problem.in_fields * problem.planes * volume(problem.walk.from);
  const std::int64_t out_size = problem.out_fields * problem.order * positions;
  const std::int64_t field = problem.planes * volume(problem.walk.padded);
  T* packed = workspace<Packed, T>(std::min(tiles, tiles_at_a_time) * way.packed_size);
  T* sums = workspace<Sums, T>(problem.in_fields * way.sums_size);
  const auto tile_at = [&](std::int64_t i) {
    return VolumeTile<T>(problem.walk, i * width, std::min(width, positions - i * width), width);
  };
  for (std::int64_t group = 0; group < shape.groups; ++group) {
    std::fill(sums, sums + problem.in_fields * way.sums_size, T{0});
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
        parallel_for(problem.in_fields, 1, [&](std::int64_t first, std::int64_t last) {
          for (std::int64_t c = first; c < last; ++c)
            for (std::int64_t i = 0; i < count; ++i)
              way.add(lowered[static_cast<std::size_t>(i)], padded + c * field, packed + i * way.packed_size,
                      sums + c * way.sums_size);
        });
      }
    }
    T* target = dw + group * (shape.w_size() / shape.groups);
    parallel_for(problem.in_fields, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t c = first; c < last; ++c) way.finish(c, sums + c * way.sums_size, target);
    });
  }
}

/// dy[k, s] at the positions of a tile, zero beyond them.
template <class T>
void read_gradient(const VolumeTile<T>& tile, const T* from, T* to) {
  std::copy(from, from + tile.count(), to);
  std::fill(to + tile.count(), to + tile.width(), T{0});
}

/// M[s][k, row] = sum_o dy[k, s, o] row(o), then dw[k, c, d] = sum_s M[s][k, rows[s][d]].
template <class T>
struct GatherWay {
  static constexpr std::int64_t positions = max_tile_positions<T>;
  using Lowered = VolumeTile<T>;
  Problem<T> problem;
  std::vector<std::int32_t> rows;  // [order, depth]
  RowTiles tiles;
  std::int64_t depth, columns, packed_size, sums_size;

  GatherWay(const Problem<T>& of, std::vector<std::int32_t> gather_rows)
      : problem(of), rows(std::move(gather_rows)), tiles(of.out_fields) {
    depth = problem.planes * problem.kernel * problem.kernel * problem.kernel;
    columns = padded_columns<T>(depth);
    packed_size = problem.order * tiles.padded() * positions;
    sums_size = problem.order * tiles.padded() * columns;
  }

  void pack(const VolumeTile<T>& tile, std::int64_t first, const T* dy, T* packed) const {
    const std::int64_t width = tile.width(), size = problem.walk.positions();
    T* values = workspace<Gradients, T>(problem.out_fields * width);
    for (std::int64_t s = 0; s < problem.order; ++s, packed += tiles.padded() * width) {
      for (std::int64_t k = 0; k < problem.out_fields; ++k)
        read_gradient(tile, dy + (k * problem.order + s) * size + first, values + k * width);
      pack_tiles(tiles, values, width, width, packed);
    }
  }

  Lowered lowered(const VolumeTile<T>& tile, std::int64_t) const { return tile; }

  void add(const VolumeTile<T>& tile, const T* field, const T* packed, T* sums) const {
    const std::int64_t width = tile.width(), taps = depth / problem.planes;
    T* values = workspace<Rows, T>(depth * width);
    for (std::int64_t d = 0; d < depth; ++d)
      tile.read(field + d / taps * volume(problem.walk.padded) + problem.walk.tap_offset(problem.kernel, d % taps),
                values + d * width, tile_columns<T>);
    T* transposed = workspace<Transposed, T>(columns * width);
    cpu::pack(0, columns / tile_columns<T>, depth, width, tile_columns<T>, values, width, 1, transposed);
    for (std::int64_t s = 0; s < problem.order; ++s)
      add_products(tiles, packed + s * tiles.padded() * width, transposed, columns, width,
                   sums + s * tiles.padded() * columns);
  }

  void finish(std::int64_t c, const T* sums, T* dw) const {
    for (std::int64_t k = 0; k < problem.out_fields; ++k)
      for (std::int64_t d = 0; d < depth; ++d) {
        T sum{0};
        for (std::int64_t s = 0; s < problem.order; ++s)
          sum += sums[(s * tiles.padded() + k) * columns + rows[static_cast<std::size_t>(s * depth + d)]];
        dw[(k * problem.in_fields + c) * depth + d] = sum;
      }
  }
};

/// dA[k, i][w, j] = sum_{f, o} dY[k, i, f] X[w, j, f] per block, then back through the sparse transform of the filter.
/// A vector holds rows (k, i) at one position; rows (w, j) of X are read as the transform leaves them.
template <class T>
struct BlocksWay {
  static constexpr std::int64_t positions = max_tile_positions<T>, part = block_positions<T>;
  using Lowered = std::vector<VolumeTile<T>>;
  Problem<T> problem;
  const FrameTransform* transform;
  OrbitReads3d reads;
  FilterTransform sparse;
  FieldTransform<T> of_input;
  FrameProgram<T> of_gradient;
  std::int64_t filter_size, rows_of_gradient = 0, rows_of_input = 0, packed_size = 0, sums_size = 0;
  std::vector<std::int64_t> gradient_offset;  // of the rows that of_gradient reads, for each part
  std::vector<std::int32_t> step, pair_step;  // of the outer products: one position each, or two

  BlocksWay(const Problem<T>& of, const GroupConv3dProblem& shape)
      : problem(of),
        transform(shape.transform),
        reads(orbit_reads3d(shape)),
        sparse(*shape.transform),
        of_input(*shape.transform, of.walk, reads, of.kernel),
        of_gradient(*shape.transform, FrameProgram<T>::Factors::gram),
        filter_size(shape.in_order * shape.taps()) {
    static_assert(taps_at_a_time % outer_rows == 0);
    for (const FrameBlock& block : transform->blocks) {
      rows_of_gradient += problem.out_fields * block.degree * block.size;
      rows_of_input += taps_at_a_time * block.degree * block.size;
      packed_size += block.size * sum_row(block) * positions / columns(block);
      sums_size += sum_rows(block) * sum_row(block);
    }
    for (std::int64_t i = 0; i < positions; i += part)
      for (std::int64_t s = 0; s < problem.order; ++s) gradient_offset.push_back(s * positions + i);
    for (std::int64_t i = 0; i < part; ++i) step.push_back(static_cast<std::int32_t>(i));
    for (std::int64_t i = 0; i < part; i += 2) pair_step.push_back(static_cast<std::int32_t>(i));
  }

  std::int64_t sum_row(const FrameBlock& block) const {
    return vectors_of<T>(problem.out_fields * block.degree) * lanes<T>;
  }
  /// Positions of a vector: two where the rows of dy fill no more than half of it (outer_kernel.hpp).
  std::int64_t columns(const FrameBlock& block) const {
    return sizeof(T) == 4 && 2 * problem.out_fields * block.degree <= lanes<T> ? 2 : 1;
  }
  /// Rows (w, j), whole register tiles for each taps_at_a_time taps.
  std::int64_t sum_rows(const FrameBlock& block) const {
    return ceil_div(reads.taps, taps_at_a_time) * taps_at_a_time * block.degree;
  }

  /// dy transformed, [part][block][f][vector][position][lane].
  void pack(const VolumeTile<T>& tile, std::int64_t first, const T* dy, T* packed) const {
    const std::int64_t width = tile.width(), size = problem.walk.positions(), order = problem.order;
    T* const values = workspace<Gradients, T>((order + of_gradient.scratch_rows()) * positions);
    T* const all = workspace<Rows, T>(rows_of_gradient * width);  // [block][f][k, j][position]
    std::vector<TapRow<T>> outputs(static_cast<std::size_t>(of_gradient.outputs()));
    for (std::int64_t k = 0; k < problem.out_fields; ++k) {
      for (std::int64_t s = 0; s < order; ++s)
        read_gradient(tile, dy + (k * order + s) * size + first, values + s * positions);
      T* to = all;
      std::size_t next = 0;
      for (const FrameBlock& block : transform->blocks)
        for (std::int64_t f = 0; f < block.size; ++f, to += problem.out_fields * block.degree * width)
          for (std::int64_t j = 0; j < block.degree; ++j) outputs[next++] = {to + (k * block.degree + j) * width, part};
      of_gradient.run({values, gradient_offset.data(), {0, lanes<T>}, width / part}, outputs.data(), 0,
                      values + order * positions);
    }
    const auto singles = static_cast<std::int64_t>(step.size());
    [[maybe_unused]] const auto pairs = static_cast<std::int64_t>(pair_step.size());
    for (std::int64_t i = 0; i < width; i += part) {
      const T* base = all + i;
      for (const FrameBlock& block : transform->blocks) {
        const std::int64_t rows = problem.out_fields * block.degree;
        for (std::int64_t f = 0; f < block.size; ++f, base += rows * width) {
          if constexpr (sizeof(T) == 4)
            if (columns(block) == 2) {  // pairs of positions move as one double
              pack_rows(rows, pairs, lanes<double>, reinterpret_cast<const double*>(base), width / 2,
                        reinterpret_cast<double*>(packed), lanes<double>);
              packed += lanes<T> * part / 2;
              continue;
            }
          for (std::int64_t row = 0; row < rows; row += lanes<T>, packed += lanes<T> * part)
            pack_rows(std::min<std::int64_t>(lanes<T>, rows - row), singles, lanes<T>, base + row * width, width,
                      packed, lanes<T>);
        }
      }
    }
  }

  Lowered lowered(const VolumeTile<T>& tile, std::int64_t first) const {
    return parts_of(problem.walk, tile, first, part);
  }

  void add(const Lowered& parts, const T* field, const T* packed, T* sums) const {
    T* const values = workspace<Gradients, T>(of_input.scratch_size());
    T* const panels = workspace<Rows, T>(rows_of_input * part);  // [block][f][w, j][position]
    std::vector<TapRow<T>> outputs;
    T* to = panels;
    for (const FrameBlock& block : transform->blocks)
      for (std::int64_t f = 0; f < block.size; ++f, to += taps_at_a_time * block.degree * part)
        for (std::int64_t j = 0; j < block.degree; ++j) outputs.push_back({to + j * part, block.degree * part});
    const std::int64_t packed_part = packed_size / positions * part;
    for (const VolumeTile<T>& tile : parts) {
      for (std::int64_t w = 0; w < reads.taps; w += taps_at_a_time) {
        const std::int64_t count = std::min(taps_at_a_time, reads.taps - w);
        of_input.run(tile, field, w, count, outputs.data(), values);
        multiply(w, count, panels, packed, sums);
      }
      packed += packed_part;
    }
  }

  /// Adds the outer products of the panels, taps first ... first + count, with dy of the same part.
  void multiply(std::int64_t first, std::int64_t count, const T* panels, const T* packed, T* sums) const {
    for (const FrameBlock& block : transform->blocks) {
      const std::int64_t row = sum_row(block), vectors = row / lanes<T>, rows = count * block.degree;
      T* const base = sums + first * block.degree * row;
      for (std::int64_t f = 0; f < block.size; ++f) {
        for (std::int64_t i = 0; i < rows; i += outer_rows) {
          std::int32_t offset[outer_rows];  // a row beyond the last repeats it, and its sums are not read
          for (std::int64_t r = 0; r < outer_rows; ++r)
            offset[r] = static_cast<std::int32_t>(std::min(i + r, rows - 1) * part);
          if constexpr (sizeof(T) == 4)
            if (columns(block) == 2) {
              outer_micro_kernel<T, 1, 2>(1, part / 2, pair_step.data(), panels, offset, 0, packed, base + i * row,
                                          row);
              continue;
            }
          for (std::int64_t v = 0; v < vectors; v += outer_vectors) {
            const auto kernel =
                vectors - v >= outer_vectors ? outer_micro_kernel<T, outer_vectors, 1> : outer_micro_kernel<T, 1, 1>;
            kernel(1, part, step.data(), panels, offset, 0, packed + v * lanes<T> * part, base + i * row + v * lanes<T>,
                   row);
          }
        }
        panels += taps_at_a_time * block.degree * part;
        packed += row * part / columns(block);
      }
      sums += sum_rows(block) * row;
    }
  }

  void finish(std::int64_t c, const T* sums, T* dw) const {
    const auto slots = static_cast<std::size_t>(sparse.slots);
    std::vector<T> slot(slots), element(static_cast<std::size_t>(problem.order));
    for (std::int64_t k = 0; k < problem.out_fields; ++k) {
      T* target = dw + (k * problem.in_fields + c) * filter_size;
      std::fill(target, target + filter_size, T{0});
      for (std::int64_t w = 0; w < reads.taps; ++w) {
        const T* base = sums;
        std::size_t next = 0;
        for (const FrameBlock& block : transform->blocks) {
          const std::int64_t d = block.degree, row = sum_row(block);
          for (std::int64_t j = 0; j < d; ++j)
            for (std::int64_t i = 0; i < d; ++i, ++next) {
              const T* const sum = base + (w * d + j) * row + (k * d + i) * columns(block);
              slot[next] = (columns(block) == 2 ? sum[0] + sum[1] : sum[0]) / static_cast<T>(sparse.divisor[next]);
            }
          base += sum_rows(block) * row;
        }
        std::fill(element.begin(), element.end(), T{0});
        for (const auto& entry : sparse.entries)
          element[static_cast<std::size_t>(entry.element)] +=
              static_cast<T>(entry.factor) * slot[static_cast<std::size_t>(entry.slot)];
        const auto weight = static_cast<T>(reads.weight[static_cast<std::size_t>(w)]);
        for (std::int64_t g = 0; g < problem.order; ++g)
          target[reads.entry[static_cast<std::size_t>(w * problem.order + g)]] +=
              weight * element[static_cast<std::size_t>(g)];
      }
    }
  }
};

template <class T>
Problem<T> group_problem(const GroupConv3dProblem& shape) {
  return {forward_walk(shape),
          shape.kernel,
          shape.in_fields / shape.groups,
          shape.in_order,
          shape.out_fields / shape.groups,
          shape.order};
}

}  // namespace

template <class T>
void orbit_gather3d_filter_gradient(const GroupConv3dProblem& problem, const T* x, const T* dy, T* dw) {
  const auto group = group_problem<T>(problem);
  sum_over_images(problem, group, GatherWay<T>(group, gather_rows(problem)), x, dy, dw);
}

template <class T>
void irrep_blocks3d_filter_gradient(const GroupConv3dProblem& problem, const T* x, const T* dy, T* dw) {
  const auto group = group_problem<T>(problem);
  sum_over_images(problem, group, BlocksWay<T>(group, problem), x, dy, dw);
}

template void orbit_gather3d_filter_gradient(const GroupConv3dProblem&, const float*, const float*, float*);
template void orbit_gather3d_filter_gradient(const GroupConv3dProblem&, const double*, const double*, double*);
template void irrep_blocks3d_filter_gradient(const GroupConv3dProblem&, const float*, const float*, float*);
template void irrep_blocks3d_filter_gradient(const GroupConv3dProblem&, const double*, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
