// The filter gradient of the orbit gather: rows of the lowered field times rows of dy.
#include "kernels/gemm/pack.hpp"
#include "kernels/group_conv3d/filter_sums.hpp"
#include "kernels/group_conv3d/implementations.hpp"
#include "kernels/group_conv3d/orbit_tables3d.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

struct Gradients {};
struct Rows {};
struct Transposed {};

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

/// M[s][k, row] = sum_o dy[k, s, o] row(o), then dw[k, c, d] = sum_s M[s][k, rows[s][d]].
template <class T>
struct GatherWay {
  static constexpr std::int64_t positions = max_tile_positions<T>;
  using Lowered = VolumeTile<T>;
  FilterProblem<T> problem;
  std::vector<std::int32_t> rows;  // [order, depth]
  RowTiles tiles;
  std::int64_t depth, columns, packed_size, sums_size;

  GatherWay(const FilterProblem<T>& of, std::vector<std::int32_t> gather_rows)
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

}  // namespace

template <class T>
void orbit_gather3d_filter_gradient(const GroupConv3dProblem& problem, const T* x, const T* dy, T* dw) {
  const auto group = group_problem<T>(problem);
  sum_over_images(problem, group, GatherWay<T>(group, gather_rows(problem)), x, dy, dw);
}

template void orbit_gather3d_filter_gradient(const GroupConv3dProblem&, const float*, const float*, float*);
template void orbit_gather3d_filter_gradient(const GroupConv3dProblem&, const double*, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
