// Filter gradients. Both implementations sum, for each input field, products of rows of the lowered field with rows of
// dy over the positions of a tile; an input field belongs to one thread, which adds the tiles up in their order.
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
constexpr std::int64_t tiles_at_a_time = 16;

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
/// struct Way { std::int64_t packed_size, sums_size;   // of one tile, of one input field
///   void pack(const VolumeTile<T>&, std::int64_t first, const T* dy, T* packed) const;
///   void add(const VolumeTile<T>&, const T* field, const T* packed, T* sums) const;
///   void finish(std::int64_t c, const T* sums, T* dw) const; };
template <class T, class Way>
void sum_over_images(const GroupConv3dProblem& shape, const Problem<T>& problem, const Way& way, const T* x,
                     const T* dy, T* dw) {
  const std::int64_t width = problem.walk.tile_positions(tile_columns<T>, max_tile_positions<T>);
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
        parallel_for(problem.in_fields, 1, [&](std::int64_t first, std::int64_t last) {
          for (std::int64_t c = first; c < last; ++c)
            for (std::int64_t i = 0; i < count; ++i)
              way.add(tile_at(begin + i), padded + c * field, packed + i * way.packed_size, sums + c * way.sums_size);
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
  Problem<T> problem;
  std::vector<std::int32_t> rows;  // [order, depth]
  RowTiles tiles;
  std::int64_t depth, columns, packed_size, sums_size;

  GatherWay(const Problem<T>& of, std::vector<std::int32_t> gather_rows)
      : problem(of), rows(std::move(gather_rows)), tiles(of.out_fields) {
    depth = problem.planes * problem.kernel * problem.kernel * problem.kernel;
    columns = padded_columns<T>(depth);
    packed_size = problem.order * tiles.padded() * max_tile_positions<T>;
    sums_size = problem.order * tiles.padded() * columns;
  }

  void pack(const VolumeTile<T>& tile, std::int64_t first, const T* dy, T* packed) const {
    const std::int64_t width = tile.width(), positions = problem.walk.positions();
    T* values = workspace<Gradients, T>(problem.out_fields * width);
    for (std::int64_t s = 0; s < problem.order; ++s, packed += tiles.padded() * width) {
      for (std::int64_t k = 0; k < problem.out_fields; ++k)
        read_gradient(tile, dy + (k * problem.order + s) * positions + first, values + k * width);
      pack_tiles(tiles, values, width, width, packed);
    }
  }

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
template <class T>
struct BlocksWay {
  Problem<T> problem;
  const FrameTransform* transform;
  OrbitReads3d reads;
  FilterTransform sparse;
  FieldTransform<T> of_input;
  FrameProgram<T> of_gradient;
  std::int64_t filter_size, rows_of_gradient = 0, rows_of_input = 0, most_columns = 0, packed_size = 0, sums_size = 0;

  BlocksWay(const Problem<T>& of, const GroupConv3dProblem& shape)
      : problem(of),
        transform(shape.transform),
        reads(orbit_reads3d(shape)),
        sparse(*shape.transform),
        of_input(*shape.transform, of.walk, reads, of.kernel),
        of_gradient(*shape.transform, FrameProgram<T>::Factors::gram),
        filter_size(shape.in_order * shape.taps()) {
    for (const FrameBlock& block : transform->blocks) {
      rows_of_gradient += problem.out_fields * block.degree * block.size;
      rows_of_input += reads.taps * block.degree * block.size;
      most_columns = std::max(most_columns, columns(block));
      packed_size += block.size * rows(block).padded() * max_tile_positions<T>;
      sums_size += rows(block).padded() * columns(block);
    }
  }

  RowTiles rows(const FrameBlock& block) const { return RowTiles(problem.out_fields * block.degree); }
  std::int64_t columns(const FrameBlock& block) const { return padded_columns<T>(reads.taps * block.degree); }

  /// Rows of the outputs of a transform, per block [f][item, j] with `items` items, of which this is `item`.
  std::vector<VectorRow<T>> output_rows(const VolumeTile<T>& tile, std::int64_t items, std::int64_t item, T* to) const {
    std::vector<VectorRow<T>> result;
    for (const FrameBlock& block : transform->blocks) {
      for (std::int64_t f = 0; f < block.size; ++f)
        for (std::int64_t j = 0; j < block.degree; ++j)
          result.push_back({to + ((f * items + item) * block.degree + j) * tile.width(), tile.plain_places()});
      to += block.size * items * block.degree * tile.width();
    }
    return result;
  }

  void pack(const VolumeTile<T>& tile, std::int64_t first, const T* dy, T* packed) const {
    const std::int64_t width = tile.width(), positions = problem.walk.positions(), order = problem.order;
    T* const values = workspace<Gradients, T>((order + of_gradient.scratch_rows()) * width);
    T* const all = workspace<Rows, T>(rows_of_gradient * width);
    std::vector<const T*> inputs(static_cast<std::size_t>(order));
    for (std::int64_t k = 0; k < problem.out_fields; ++k) {
      for (std::int64_t s = 0; s < order; ++s) {
        read_gradient(tile, dy + (k * order + s) * positions + first, values + s * width);
        inputs[static_cast<std::size_t>(s)] = values + s * width;
      }
      of_gradient.run(inputs.data(), tile.plain_places(), output_rows(tile, problem.out_fields, k, all).data(),
                      width / lanes<T>, values + order * width, width);
    }
    const T* base = all;
    for (const FrameBlock& block : transform->blocks) {
      const RowTiles tiles = rows(block);
      for (std::int64_t f = 0; f < block.size; ++f, base += tiles.extent * width, packed += tiles.padded() * width)
        pack_tiles(tiles, base, width, width, packed);
    }
  }

  void add(const VolumeTile<T>& tile, const T* field, const T* packed, T* sums) const {
    const std::int64_t width = tile.width();
    T* const values = workspace<Gradients, T>(of_input.scratch_size(width));
    T* const panels = workspace<Rows, T>(rows_of_input * width);
    for (std::int64_t w = 0; w < reads.taps; ++w)
      of_input.run(tile, field, w, output_rows(tile, reads.taps, w, panels).data(), values);
    T* transposed = workspace<Transposed, T>(most_columns * width);
    const T* base = panels;
    for (const FrameBlock& block : transform->blocks) {
      const RowTiles tiles = rows(block);
      const std::int64_t depth = reads.taps * block.degree, wide = columns(block);
      for (std::int64_t f = 0; f < block.size; ++f, base += depth * width, packed += tiles.padded() * width) {
        cpu::pack(0, wide / tile_columns<T>, depth, width, tile_columns<T>, base, width, 1, transposed);
        add_products(tiles, packed, transposed, wide, width, sums);
      }
      sums += tiles.padded() * wide;
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
          const std::int64_t d = block.degree, wide = columns(block);
          for (std::int64_t j = 0; j < d; ++j)
            for (std::int64_t i = 0; i < d; ++i, ++next)
              slot[next] = base[(k * d + i) * wide + w * d + j] / static_cast<T>(sparse.divisor[next]);
          base += rows(block).padded() * wide;
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
