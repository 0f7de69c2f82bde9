// Orbit gather, filter gradient: the same panels as the forward; a filter entry meets, for each output element s, the
// panel row that s reads it from, so the gradient comes out already summed over the orbit:
//   dw[k, c, d] = sum_{n, o} sum_s dy[n, k, s, o] panel[c, row_s(d)][n, o].
// The columns are cut into chunks by the problem alone; the sums of the chunks are added in order.
#include <algorithm>

#include "kernels/gemm/workspace.hpp"
#include "kernels/group_conv2d/column_tile.hpp"
#include "kernels/group_conv2d/dot_kernel.hpp"
#include "kernels/group_conv2d/orbit_gather.hpp"
#include "kernels/group_conv2d/orbit_tables.hpp"
#include "kernels/parallel.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

struct Panel {};
struct Gradients {};
struct Partials {};

/// One channel group and the cut of its columns.
template <class T>
struct FilterProduct {
  TileGeometry geometry;
  const OrbitRows* rows;
  std::int64_t in_fields, out_fields, in_planes;
  const T *x, *dy;
  T* dw;

  DotShape shape;
  std::int64_t field_tiles, entry_tiles;
  std::int64_t width;           // columns of a panel, a multiple of the tile
  std::int64_t panels, chunks;  // panels in all, sums that are kept apart

  std::int64_t register_tile() const { return shape.fields * shape.entries; }
  std::int64_t partial_size() const { return in_fields * field_tiles * entry_tiles * register_tile(); }

  void plan() {
    constexpr std::int64_t panel_bytes = 20 << 10, most_chunks = 16, partial_elements = 1 << 23;
    constexpr std::int64_t columns = tile_columns<T>;
    shape = dot_shape(out_fields);
    field_tiles = (out_fields + shape.fields - 1) / shape.fields;
    entry_tiles = (rows->depth + shape.entries - 1) / shape.entries;
    const std::int64_t tile_bytes = rows->depth * columns * static_cast<std::int64_t>(sizeof(T));
    const std::int64_t most = std::max<std::int64_t>(1, (geometry.columns() + columns - 1) / columns);
    width = std::clamp<std::int64_t>(panel_bytes / tile_bytes, 1, std::min<std::int64_t>(8, most)) * columns;
    panels = (geometry.columns() + width - 1) / width;
    chunks = std::clamp<std::int64_t>(std::min(panels / 2, partial_elements / partial_size()), 1, most_chunks);
  }
};

/// dy of the columns of one panel as [s][field][width].
template <class T>
void pack_gradients(const FilterProduct<T>& product, const LaneRuns<T>& runs, std::int64_t column, T* to) {
  const std::int64_t positions = product.geometry.positions(), elements = product.rows->outputs;
  for (std::int64_t f = 0; f < product.out_fields; ++f)
    for (std::int64_t s = 0; s < elements; ++s) {
      const T* from = product.dy + (f * elements + s) * positions;
      for (int half = 0; half < 2; ++half) {
        Vector<T> value{};
        for (int run = 0; run < runs.count[half]; ++run)
          value = masked_load(value, runs.runs[half][run].mask, from + runs.runs[half][run].offset);
        store(to + (s * product.out_fields + f) * product.width + column + half * lanes<T>, value);
      }
    }
}

/// Adds the panels [first, last) for the input fields [c_first, c_last) to one partial sum.
template <class T, int Fields, int Entries>
void add_panels(const FilterProduct<T>& product, const std::int32_t* table, std::int64_t first, std::int64_t last,
                std::int64_t c_first, std::int64_t c_last, T* partial) {
  const std::int64_t depth = product.rows->depth, elements = product.rows->outputs, width = product.width;
  const std::int64_t plane = product.geometry.height * product.geometry.width;
  std::vector<ColumnTile<T>> tiles(static_cast<std::size_t>(width / tile_columns<T>), ColumnTile<T>(product.geometry));
  T* panel = workspace<Panel, T>(depth * width);
  T* gradients = workspace<Gradients, T>(elements * product.out_fields * width);
  for (std::int64_t index = first; index < last; ++index) {
    std::int64_t used = 0;  // tiles with at least one column
    for (auto& tile : tiles) {
      const std::int64_t column = used * tile_columns<T>;
      if (index * width + column >= product.geometry.columns()) break;
      tile.move_to(index * width + column);
      pack_gradients(product, tile.out_runs(), column, gradients);
      ++used;
    }
    for (std::int64_t c = c_first; c < c_last; ++c) {
      for (std::int64_t i = 0; i < used; ++i)
        tiles[static_cast<std::size_t>(i)].pack(product.x + c * product.in_planes * plane, product.in_planes,
                                                panel + i * tile_columns<T>, width);
      for (std::int64_t f = 0; f < product.field_tiles; ++f) {
        std::int64_t field_offset[Fields];
        for (int i = 0; i < Fields; ++i)  // a field beyond the last repeats it; its sums are not read
          field_offset[i] = std::min(f * Fields + i, product.out_fields - 1) * width;
        for (std::int64_t e = 0; e < product.entry_tiles; ++e)
          dot_micro_kernel<T, Fields, Entries>(
              used * tile_columns<T>, elements, gradients, field_offset, product.out_fields * width, panel,
              table + e * Entries, product.entry_tiles * Entries,
              partial + ((c * product.field_tiles + f) * product.entry_tiles + e) * (Fields * Entries));
      }
    }
  }
}

template <class T, int Fields, int Entries>
void run_as(const FilterProduct<T>& product) {
  const std::int64_t depth = product.rows->depth, elements = product.rows->outputs;
  const std::int64_t entries = product.entry_tiles * Entries, size = product.partial_size();
  std::vector<std::int32_t> table(static_cast<std::size_t>(elements * entries));
  for (std::int64_t s = 0; s < elements; ++s)
    for (std::int64_t d = 0; d < entries; ++d)
      table[static_cast<std::size_t>(s * entries + d)] =
          static_cast<std::int32_t>(product.rows->of(s)[std::min(d, depth - 1)] * product.width);

  T* partials = workspace<Partials, T>(product.chunks * size);
  std::int64_t parts = 1;  // of the input fields, where the chunks do not occupy the threads
  while (parts * 2 <= product.in_fields && product.chunks * parts < 4 * thread_count()) parts *= 2;
  if (thread_count() == 1) parts = 1;
  const double flops = 2.0 * static_cast<double>(product.geometry.columns() * elements * size);
  const std::int64_t items = product.chunks * parts;
  const auto grain = std::max<std::int64_t>(1, static_cast<std::int64_t>(2e5 * static_cast<double>(items) / flops));
  parallel_for(items, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t chunk = item / parts, part = item % parts, field = size / product.in_fields;
      const std::int64_t c_first = product.in_fields * part / parts, c_last = product.in_fields * (part + 1) / parts;
      T* partial = partials + chunk * size;
      std::fill(partial + c_first * field, partial + c_last * field, T{0});
      add_panels<T, Fields, Entries>(product, table.data(), product.panels * chunk / product.chunks,
                                     product.panels * (chunk + 1) / product.chunks, c_first, c_last, partial);
    }
  });
  parallel_for(product.out_fields * product.in_fields, std::max<std::int64_t>(1, (1 << 14) / depth),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t item = begin; item < end; ++item) {
                   const std::int64_t k = item / product.in_fields, c = item % product.in_fields;
                   for (std::int64_t d = 0; d < depth; ++d) {
                     const std::int64_t at =
                         ((c * product.field_tiles + k / Fields) * product.entry_tiles + d / Entries) *
                             (Fields * Entries) +
                         k % Fields * Entries + d % Entries;
                     T sum = partials[at];
                     for (std::int64_t chunk = 1; chunk < product.chunks; ++chunk) sum += partials[chunk * size + at];
                     product.dw[item * depth + d] = sum;
                   }
                 }
               });
}

}  // namespace

template <class T>
void orbit_gather_filter_gradient(const GroupConv2dProblem& problem, const T* x, const T* dy, T* dw) {
  if (problem.y_size() == 0) {
    std::fill(dw, dw + problem.w_size(), T{0});
    return;
  }
  const std::int64_t in_fields = problem.in_fields / problem.groups, out_fields = problem.out_fields / problem.groups;
  const OrbitRows rows = orbit_rows(problem, problem.in_order != 1);
  const std::int64_t in_plane = problem.in_height * problem.in_width;
  const std::int64_t out_plane = problem.out_height() * problem.out_width();
  for (std::int64_t group = 0; group < problem.groups; ++group) {
    FilterProduct<T> product;
    product.geometry = forward_geometry(problem);
    product.rows = &rows;
    product.in_fields = in_fields, product.out_fields = out_fields, product.in_planes = problem.in_order;
    product.x = x + group * in_fields * problem.in_order * in_plane;
    product.dy = dy + group * out_fields * problem.order * out_plane;
    product.dw = dw + group * out_fields * in_fields * rows.depth;
    product.plan();
    constexpr DotShape one = dot_shape(1), two = dot_shape(2), four = dot_shape(4);
    if (product.shape.fields == 1)
      run_as<T, one.fields, one.entries>(product);
    else if (product.shape.fields == 2)
      run_as<T, two.fields, two.entries>(product);
    else
      run_as<T, four.fields, four.entries>(product);
  }
}

template void orbit_gather_filter_gradient(const GroupConv2dProblem&, const float*, const float*, float*);
template void orbit_gather_filter_gradient(const GroupConv2dProblem&, const double*, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
