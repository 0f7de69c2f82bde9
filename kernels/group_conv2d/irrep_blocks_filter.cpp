// Irrep blocks, filter gradient: with the transposes of irrep_transform.hpp the gradient is blocks again,
//   dw = collect and transform back of sum_{n, o} X^[c,w] dY^[k],
// x and dy transformed over the group alike. The columns are cut into bands; for a band dy is transformed and
// transposed once, so that a vector holds fields, and x one block of fields after another. The bands are cut into
// chunks by the problem alone; the sums of the chunks are added in order.
#include <algorithm>
#include <bit>

#include "kernels/ceil_div.hpp"
#include "kernels/gemm/outer_kernel.hpp"
#include "kernels/gemm/workspace.hpp"
#include "kernels/group_conv2d/irrep_blocks.hpp"
#include "kernels/group_conv2d/irrep_tile.hpp"
#include "kernels/parallel.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

struct Panels {};
struct Gradients {};
struct Partials {};
struct Filter {};

/// The filter gradient of one channel group. A vector holds fields, or half as many for each of two columns.
template <class T>
struct IrrepFilterProblem {
  static constexpr std::int64_t tile = tile_columns<T>;
  static constexpr std::int64_t band = 256, band_tiles = band / tile;  // columns of a band
  static constexpr std::int64_t pitch = band + lanes<T>;               // rows of a panel lie in different cache sets

  TileGeometry geometry;
  std::int64_t in_fields, out_fields;
  TileReads reads;
  const T *x, *dy;
  T* dw;

  int columns;                             // of a vector
  std::int64_t vectors;                    // of the fields
  std::int64_t block, blocks, block_rows;  // input fields transformed at a time; their rows, whole register tiles
  std::int64_t sum_row;                    // elements of a row of the sums, [filter][vector][lane]
  std::int64_t bands, chunks;              // bands in all, sums that are kept apart

  std::int64_t partial_size() const { return blocks * block_rows * sum_row; }

  /// All of it from the problem alone: the cut decides the order of additions.
  void plan(std::int64_t filters) {
    constexpr std::int64_t least_columns = 512, most_chunks = 16, partial_elements = 1 << 20;
    columns = sizeof(T) == 4 && 2 * out_fields <= lanes<T> ? 2 : 1;
    vectors = ceil_div(out_fields, lanes<T>);
    const auto tile_rows = [&](std::int64_t fields) { return ceil_div(fields * reads.taps, outer_rows) * outer_rows; };
    block = 1;  // more fields at a time where the rows of one leave register tiles half empty
    while (block < std::min<std::int64_t>(in_fields, outer_rows) && tile_rows(block) * 8 > block * reads.taps * 9)
      ++block;
    blocks = ceil_div(in_fields, block);
    block_rows = tile_rows(block);
    sum_row = filters * vectors * lanes<T>;
    bands = ceil_div(geometry.columns(), band);
    chunks = std::clamp<std::int64_t>(std::min(geometry.columns() / least_columns, partial_elements / partial_size()),
                                      1, std::min(most_chunks, bands));
    chunks = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(chunks)));  // threads share it evenly
  }
};

/// Transforms and transposes dy of one tile to [value][vector][step][lane], values and vectors `band` elements apart.
template <class Irreps, int Columns, class T>
void transform_gradients(const IrrepFilterProblem<T>& problem, const LaneRuns<T>& runs, T* to, std::int64_t band) {
  using E = Element<T, Columns>;
  constexpr int order = Irreps::order, square = lanes<E>;
  const std::int64_t positions = problem.geometry.positions();
  for (std::int64_t v = 0; v < problem.vectors; ++v) {
    const int used = static_cast<int>(std::min<std::int64_t>(square, problem.out_fields - v * square));
    for (int half = 0; half < 2; ++half) {
      Vector<E> image[order][square] = {};
      for (int i = 0; i < used; ++i) {
        Vector<T> value[order];
        for (int s = 0; s < order; ++s) {
          const T* plane = problem.dy + ((v * square + i) * order + s) * positions;
          value[s] = Vector<T>{};
          for (int run = 0; run < runs.count[half]; ++run)
            value[s] = masked_load(value[s], runs.runs[half][run].mask, plane + runs.runs[half][run].offset);
        }
        Irreps::transform(value);
        for (int p = 0; p < order; ++p) image[p][i] = reinterpret_cast<Vector<E>>(value[p]);
      }
      for (int p = 0; p < order; ++p) {
        transpose<E>(image[p]);
        T* target = to + (p * problem.vectors + v) * band + half * square * lanes<T>;
        for (int i = 0; i < square; ++i) store(target + i * lanes<T>, reinterpret_cast<Vector<T>>(image[p][i]));
      }
    }
  }
}

/// The products of one block of transformed fields with the transformed dy: sum is [row][filter][vector][lane].
template <class Irreps, int Columns, class T>
void multiply(const IrrepFilterProblem<T>& problem, std::int64_t rows, std::int64_t steps, const std::int32_t* step,
              const T* panels, const std::int32_t* row_offset, const T* gradients, std::int64_t band, T* sum) {
  for (const IrrepProduct& product : Irreps::products) {
    const std::int64_t count = product.width * problem.vectors;
    const T* panel = panels + product.panel * problem.block_rows * problem.pitch;
    for (std::int64_t i = 0; i < rows; i += outer_rows)
      for (std::int64_t v = 0; v < count; v += outer_vectors) {
        const T* image = gradients + (product.image * problem.vectors + v) * band;
        T* target = sum + i * problem.sum_row + (product.filter * problem.vectors + v) * lanes<T>;
        const auto kernel = count - v >= outer_vectors ? outer_micro_kernel<T, outer_vectors, Columns>
                                                       : outer_micro_kernel<T, 1, Columns>;
        kernel(1, steps, step, panel, row_offset + i, 0, image, target, problem.sum_row);
      }
  }
}

/// Adds the bands [first, last) for the blocks [block_first, block_last) of input fields to one partial sum,
/// [block][row][filter][vector][lane].
template <class Irreps, int Columns, class T>
void add_bands(const IrrepFilterProblem<T>& problem, std::int64_t first, std::int64_t last, std::int64_t block_first,
               std::int64_t block_last, T* partial) {
  using Problem = IrrepFilterProblem<T>;
  const std::int64_t taps = problem.reads.taps, rows = problem.block_rows;
  std::vector<IrrepTile<Irreps, T>> tiles(Problem::band_tiles, {problem.geometry, problem.reads});
  std::vector<std::int32_t> step, row_offset;
  for (std::int32_t column = 0; column < Problem::band; column += Columns) step.push_back(column);
  for (std::int64_t row = 0; row < rows; ++row)  // a row beyond the last repeats it
    row_offset.push_back(static_cast<std::int32_t>(std::min(row, problem.block * taps - 1) * Problem::pitch));
  const std::int64_t field = problem.reads.planes * problem.geometry.height * problem.geometry.width;
  T* panels = workspace<Panels, T>(Irreps::order * rows * Problem::pitch);
  T* gradients = workspace<Gradients, T>(Irreps::order * problem.vectors * Problem::band / Columns * lanes<T>);
  for (std::int64_t index = first; index < last; ++index) {
    const std::int64_t origin = index * Problem::band;
    const std::int64_t used =
        std::min(Problem::band_tiles, ceil_div(problem.geometry.columns() - origin, Problem::tile));
    const std::int64_t steps = used * Problem::tile / Columns, band = steps * lanes<T>;
    for (std::int64_t t = 0; t < used; ++t) {
      tiles[static_cast<std::size_t>(t)].move_to(origin + t * Problem::tile);
      transform_gradients<Irreps, Columns>(problem, tiles[static_cast<std::size_t>(t)].out_runs(),
                                           gradients + t * Problem::tile / Columns * lanes<T>, band);
    }
    for (std::int64_t b = block_first; b < block_last; ++b) {
      const std::int64_t fields = std::min(problem.block, problem.in_fields - b * problem.block);
      for (std::int64_t i = 0; i < fields; ++i)
        for (std::int64_t t = 0; t < used; ++t)
          tiles[static_cast<std::size_t>(t)].transform(problem.x + (b * problem.block + i) * field, t == 0,
                                                       panels + i * taps * Problem::pitch + t * Problem::tile,
                                                       rows * Problem::pitch, Problem::pitch);
      multiply<Irreps, Columns>(problem, fields * taps, steps, step.data(), panels, row_offset.data(), gradients, band,
                                partial + b * rows * problem.sum_row);
    }
  }
}

/// Adds the partial sums in order to the first, and the columns of a vector to one another.
template <class T>
void add_chunks(const IrrepFilterProblem<T>& problem, T* partials) {
  const std::int64_t size = problem.partial_size();
  if (problem.chunks == 1 && problem.columns == 1) return;
  parallel_for(size / lanes<T>, std::max<std::int64_t>(1, (1 << 14) / problem.chunks),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin * lanes<T>; i < end * lanes<T>; i += lanes<T>) {
                   Vector<T> sum = load(partials + i);
                   for (std::int64_t chunk = 1; chunk < problem.chunks; ++chunk)
                     sum += load(partials + chunk * size + i);
                   if (problem.columns == 2) sum = add_neighbours<T>(sum);
                   store(partials + i, sum);
                 }
               });
}

/// dw from the sums of all columns: back from the filters, and the transposition.
template <class Irreps, class T>
void write_filter_gradient(const IrrepFilterProblem<T>& problem, const T* sums) {
  constexpr int order = Irreps::order, n = lanes<T>;
  const std::int64_t taps = problem.reads.taps;
  const std::int64_t depth = problem.reads.planes * problem.geometry.kernel * problem.geometry.kernel;
  const auto write_field = [&](std::int64_t c, std::int64_t k, T* filter) {  // filter is [entry][lane]
    std::fill(filter, filter + depth * n, T{0});
    const T* from = sums + (c / problem.block * problem.block_rows + c % problem.block * taps) * problem.sum_row + k;
    for (std::int64_t w = 0; w < taps; ++w, from += problem.sum_row) {
      Vector<T> value[Irreps::filters];
      for (int f = 0; f < Irreps::filters; ++f) value[f] = load(from + f * problem.vectors * n);
      Irreps::collect(value);
      const double weight = problem.reads.weight[static_cast<std::size_t>(w)];
      for (int i = 0; i < order; ++i) value[i] *= broadcast(static_cast<T>(Irreps::scale(i) * weight));
      Irreps::inverse(value);
      for (int g = 0; g < order; ++g) {  // elements of a stabilizer share an entry
        T* entry = filter + problem.reads.filter_entry[static_cast<std::size_t>(w * order + g)] * n;
        store(entry, load(entry) + value[g]);
      }
    }
    const std::int64_t fields = std::min<std::int64_t>(n, problem.out_fields - k);
    for (std::int64_t d = 0; d < depth; d += n) {
      const std::int64_t count = std::min<std::int64_t>(n, depth - d);
      Vector<T> value[n] = {};
      for (std::int64_t i = 0; i < count; ++i) value[i] = load(filter + (d + i) * n);
      transpose<T>(value);
      for (std::int64_t i = 0; i < fields; ++i)
        masked_store(problem.dw + ((k + i) * problem.in_fields + c) * depth + d, (1u << count) - 1, value[i]);
    }
  };
  parallel_for(problem.in_fields, std::max<std::int64_t>(1, (1 << 16) / (depth * problem.out_fields)),
               [&](std::int64_t begin, std::int64_t end) {
                 T* filter = workspace<Filter, T>(depth * n);
                 for (std::int64_t c = begin; c < end; ++c)
                   for (std::int64_t k = 0; k < problem.out_fields; k += n) write_field(c, k, filter);
               });
}

template <class Irreps, class T>
void run(const IrrepFilterProblem<T>& problem) {
  const std::int64_t size = problem.partial_size(), block_size = problem.block_rows * problem.sum_row;
  T* partials = workspace<Partials, T>(problem.chunks * size);
  std::int64_t parts = 1;  // of the input fields, where the chunks do not occupy the threads; each transforms dy
  const std::int64_t threads = thread_count();
  while (parts * 2 <= problem.blocks && problem.chunks * parts < 4 * threads && problem.chunks * parts % threads != 0)
    parts *= 2;
  const double flops = 2.0 * static_cast<double>(problem.geometry.columns() * size);
  const std::int64_t items = problem.chunks * parts;
  const auto grain = std::max<std::int64_t>(1, static_cast<std::int64_t>(2e5 * static_cast<double>(items) / flops));
  parallel_for(items, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t chunk = item / parts, part = item % parts;
      const std::int64_t block_first = problem.blocks * part / parts, block_last = problem.blocks * (part + 1) / parts;
      T* partial = partials + chunk * size;
      std::fill(partial + block_first * block_size, partial + block_last * block_size, T{0});
      const auto add = problem.columns == 2 ? add_bands < Irreps, sizeof(T) == 4 ? 2 : 1, T > : add_bands<Irreps, 1, T>;
      add(problem, problem.bands * chunk / problem.chunks, problem.bands * (chunk + 1) / problem.chunks, block_first,
          block_last, partial);
    }
  });
  add_chunks(problem, partials);
  write_filter_gradient<Irreps>(problem, partials);
}

}  // namespace

template <class T>
void irrep_blocks_filter_gradient(const GroupConv2dProblem& problem, const T* x, const T* dy, T* dw) {
  if (problem.x_size() == 0 || problem.y_size() == 0) {
    std::fill(dw, dw + problem.w_size(), T{0});
    return;
  }
  IrrepFilterProblem<T> product;
  product.geometry = forward_geometry(problem);
  product.in_fields = problem.in_fields / problem.groups, product.out_fields = problem.out_fields / problem.groups;
  product.reads = tile_reads(problem, product.geometry);
  const std::int64_t x_group = product.in_fields * problem.in_order * problem.in_height * problem.in_width;
  const std::int64_t y_group = product.out_fields * problem.order * problem.out_height() * problem.out_width();
  const std::int64_t w_group = problem.w_size() / problem.groups;
  for (std::int64_t group = 0; group < problem.groups; ++group) {
    product.x = x + group * x_group, product.dy = dy + group * y_group, product.dw = dw + group * w_group;
    with_irreps(problem, [&](auto irreps) {
      product.plan(decltype(irreps)::filters);
      run<decltype(irreps)>(product);
    });
  }
}

template void irrep_blocks_filter_gradient(const GroupConv2dProblem&, const float*, const float*, float*);
template void irrep_blocks_filter_gradient(const GroupConv2dProblem&, const double*, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
