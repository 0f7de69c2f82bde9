// Orbit gather, forward and input gradient: both are the same gathered product, with the base filter or its transpose.
#include "kernels/group_conv2d/orbit_gather.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "kernels/elementwise/formulas.hpp"
#include "kernels/gemm/workspace.hpp"
#include "kernels/group_conv2d/column_tile.hpp"
#include "kernels/group_conv2d/orbit_tables.hpp"
#include "kernels/parallel.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

struct Panel {};
struct PackedFilter {};
struct Outputs {};

/// out[n, f, s, o] = bias[f] + sum_{c, d} in[n, c, row_s(d) of the block lowered at o] a[f, c, d].
template <class T>
struct GatheredProduct {
  TileGeometry geometry;
  const OrbitRows* rows;
  const std::vector<std::int32_t>* entries;  // the d of the sum
  std::int64_t in_fields, out_fields;        // of one channel group
  std::int64_t in_planes;                    // planes of one input field
  const T *in, *bias;
  T* out;
  // a[f, c, d] = filter[f filter_out + c filter_in + filter_offset[d]]
  const T* filter;
  std::int64_t filter_out, filter_in;
  const std::int32_t* filter_offset;
  bool relu = false;
};

template <class T>
using MicroKernel = void(std::int64_t, const T*, const T*, const std::int32_t*, std::int64_t, T*, std::int64_t,
                         std::int64_t);

template <class T, int Sets, int... Index>
constexpr std::array<MicroKernel<T>*, sizeof...(Index)> kernels_of(std::integer_sequence<int, Index...>) {
  return {gather_micro_kernel<T, Sets, Index + 1>...};
}

/// The register tile of that many output elements and rows; elements * rows <= max_tile_rows.
template <class T>
MicroKernel<T>* kernel_of(std::int64_t elements, std::int64_t rows) {
  static constexpr auto one = kernels_of<T, 1>(std::make_integer_sequence<int, max_tile_rows>());
  static constexpr auto two = kernels_of<T, 2>(std::make_integer_sequence<int, max_tile_rows / 2>());
  static constexpr auto four = kernels_of<T, 4>(std::make_integer_sequence<int, max_tile_rows / 4>());
  const auto index = static_cast<std::size_t>(rows - 1);
  return elements == 4 ? four[index] : elements == 2 ? two[index] : one[index];
}

/// How the work is cut; the cut never changes a bit.
struct Plan {
  std::int64_t rows, row_tiles;  // fields of a register tile, tiles of fields
  std::int64_t channels;         // input fields lowered at a time
  std::int64_t parts;            // pieces the output elements are cut into, for more threads than column tiles
  std::int64_t elements;         // output elements of a register tile
  std::int64_t column_tiles;
};

template <class T>
Plan make_plan(const GatheredProduct<T>& product) {
  constexpr std::int64_t panel_bytes = 20 << 10;  // half of a first-level cache
  constexpr std::int64_t columns = tile_columns<T>;
  Plan plan;
  plan.row_tiles = (product.out_fields + max_tile_rows - 1) / max_tile_rows;
  plan.rows = (product.out_fields + plan.row_tiles - 1) / plan.row_tiles;
  const std::int64_t field_bytes = product.rows->depth * columns * static_cast<std::int64_t>(sizeof(T));
  plan.channels = std::clamp<std::int64_t>(panel_bytes / field_bytes, 1, product.in_fields);
  plan.column_tiles = (product.geometry.columns() + columns - 1) / columns;
  const std::int64_t threads = thread_count(), outputs = product.rows->outputs;
  plan.parts = 1;
  while (plan.parts * 2 <= outputs && outputs % (plan.parts * 2) == 0 && plan.column_tiles * plan.parts < 8 * threads &&
         plan.column_tiles * plan.parts % threads != 0)
    plan.parts *= 2;
  plan.elements = 1;
  while (plan.elements < 4 && outputs / plan.parts % (plan.elements * 2) == 0 &&
         plan.elements * 2 * plan.rows <= max_tile_rows)
    plan.elements *= 2;
  return plan;
}

/// a in the order of the register tiles: [row tile][c][d][rows], zeros beyond the last field.
template <class T>
void pack_filter(const GatheredProduct<T>& product, const Plan& plan, T* to) {
  const std::vector<std::int32_t>& entries = *product.entries;
  const auto depth = std::ssize(entries), block = product.in_fields * depth;
  parallel_for(plan.row_tiles * product.in_fields, std::max<std::int64_t>(1, (1 << 14) / (plan.rows * depth)),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t item = begin; item < end; ++item) {
                   const std::int64_t tile = item / product.in_fields, c = item % product.in_fields;
                   T* target = to + (tile * block + c * depth) * plan.rows;
                   for (std::int64_t i = 0; i < plan.rows; ++i) {
                     const std::int64_t f = tile * plan.rows + i;
                     const T* source = product.filter + f * product.filter_out + c * product.filter_in;
                     for (std::int64_t d = 0; d < depth; ++d)
                       target[d * plan.rows + i] =
                           f < product.out_fields ? source[product.filter_offset[entries[static_cast<std::size_t>(d)]]]
                                                  : T{0};
                   }
                 }
               });
}

/// Adds the bias, takes the ReLU and writes the outputs [first, last) of one column tile, from sums
/// [last - first][fields][columns].
template <class T>
void write_outputs(const GatheredProduct<T>& product, const Plan& plan, const LaneRuns<T>& runs, std::int64_t first,
                   std::int64_t last, const T* sums) {
  const std::int64_t positions = product.geometry.positions(), outputs = product.rows->outputs;
  for (std::int64_t s = first; s < last; ++s)
    for (std::int64_t f = 0; f < product.out_fields; ++f) {
      const T* values = sums + ((s - first) * plan.rows * plan.row_tiles + f) * tile_columns<T>;
      T* target = product.out + (f * outputs + s) * positions;
      for (int half = 0; half < 2; ++half) {
        Vector<T> value = load(values + half * lanes<T>);
        if (product.bias != nullptr) value += broadcast(product.bias[f]);
        if (product.relu) value = Relu{}(value);
        for (int run = 0; run < runs.count[half]; ++run)
          masked_store(target + runs.runs[half][run].offset, runs.runs[half][run].mask, value);
      }
    }
}

template <class T>
void run(const GatheredProduct<T>& product) {
  const Plan plan = make_plan(product);
  constexpr std::int64_t columns = tile_columns<T>;
  const std::vector<std::int32_t>& entries = *product.entries;
  const std::int64_t lowered = product.rows->depth, depth = std::ssize(entries), outputs = product.rows->outputs;
  const std::int64_t block = product.in_fields * depth, fields = plan.rows * plan.row_tiles;
  T* filter = workspace<PackedFilter, T>(fields * block);
  pack_filter(product, plan, filter);

  std::vector<std::int32_t> table(static_cast<std::size_t>(outputs * plan.channels * depth));
  for (std::int64_t s = 0; s < outputs; ++s)
    for (std::int64_t c = 0; c < plan.channels; ++c)
      for (std::int64_t d = 0; d < depth; ++d)
        table[static_cast<std::size_t>((s * plan.channels + c) * depth + d)] = static_cast<std::int32_t>(
            (c * lowered + product.rows->of(s)[entries[static_cast<std::size_t>(d)]]) * columns);

  MicroKernel<T>* const kernel = kernel_of<T>(plan.elements, plan.rows);
  const double item_flops = 2.0 * static_cast<double>(columns * outputs / plan.parts * fields * block);
  const auto grain = std::max<std::int64_t>(1, static_cast<std::int64_t>(2e5 / item_flops));
  parallel_for(plan.column_tiles * plan.parts, grain, [&](std::int64_t begin, std::int64_t end) {
    ColumnTile<T> tile(product.geometry);
    T* panel = workspace<Panel, T>(plan.channels * lowered * columns);
    const std::int64_t part = outputs / plan.parts;
    T* sums = workspace<Outputs, T>(part * fields * columns);
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t first = item % plan.parts * part;
      tile.move_to(item / plan.parts * columns);
      std::fill(sums, sums + part * fields * columns, T{0});
      for (std::int64_t c = 0; c < product.in_fields; c += plan.channels) {
        const std::int64_t channels = std::min(plan.channels, product.in_fields - c);
        tile.pack(product.in + c * product.in_planes * product.geometry.height * product.geometry.width,
                  channels * product.in_planes, panel, columns);
        for (std::int64_t s = 0; s < part; s += plan.elements)
          for (std::int64_t i = 0; i < plan.row_tiles; ++i)
            kernel(channels * depth, filter + (i * block + c * depth) * plan.rows, panel,
                   table.data() + (first + s) * plan.channels * depth, plan.channels * depth,
                   sums + (s * fields + i * plan.rows) * columns, columns, fields * columns);
      }
      write_outputs(product, plan, tile.out_runs(), first, first + part, sums);
    }
  });
}

}  // namespace

bool orbit_gather_supports(const GroupConv2dProblem& problem) { return column_tile_supports(problem); }

template <class T>
void orbit_gather_forward(const GroupConv2dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y) {
  if (problem.y_size() == 0) return;
  const std::int64_t in_fields = problem.in_fields / problem.groups, out_fields = problem.out_fields / problem.groups;
  const OrbitRows rows = orbit_rows(problem, problem.in_order != 1);
  const OrbitRows natural = identity_rows(rows.depth);
  const std::vector<std::int32_t> entries = filter_entries(problem, rows.depth);
  const std::int64_t in_plane = problem.in_height * problem.in_width;
  const std::int64_t out_plane = problem.out_height() * problem.out_width();
  for (std::int64_t group = 0; group < problem.groups; ++group) {
    GatheredProduct<T> product;
    product.geometry = forward_geometry(problem);
    product.rows = &rows, product.entries = &entries;
    product.in_fields = in_fields, product.out_fields = out_fields, product.in_planes = problem.in_order;
    product.in = x + group * in_fields * problem.in_order * in_plane;
    product.out = y + group * out_fields * problem.order * out_plane;
    product.bias = bias_or_null == nullptr ? nullptr : bias_or_null + group * out_fields;
    product.filter = w + group * out_fields * in_fields * rows.depth;
    product.filter_out = in_fields * rows.depth, product.filter_in = rows.depth;
    product.filter_offset = natural.of(0);
    product.relu = problem.relu;
    run(product);
  }
}

template <class T>
void orbit_gather_input_gradient(const GroupConv2dProblem& problem, const T* dy, const T* w, T* dx) {
  if (problem.x_size() == 0) return;
  if (problem.y_size() == 0) {
    std::fill(dx, dx + problem.x_size(), T{0});
    return;
  }
  const std::int64_t in_fields = problem.in_fields / problem.groups, out_fields = problem.out_fields / problem.groups;
  const std::int64_t taps = problem.kernel * problem.kernel, filter_depth = problem.in_order * taps;
  const OrbitRows rows = problem.in_order == 1 ? identity_rows(problem.order * taps) : orbit_rows(problem, true);
  const std::vector<std::int32_t> offsets = transposed_filter_offsets(problem);
  const std::vector<std::int32_t> entries = filter_entries(problem, rows.depth);
  const std::int64_t in_plane = problem.in_height * problem.in_width;
  const std::int64_t out_plane = problem.out_height() * problem.out_width();
  for (std::int64_t group = 0; group < problem.groups; ++group) {
    GatheredProduct<T> product;  // from dy to dx: what was the output is read
    product.geometry = transposed_geometry(problem);
    product.rows = &rows, product.entries = &entries;
    product.in_fields = out_fields, product.out_fields = in_fields, product.in_planes = problem.order;
    product.in = dy + group * out_fields * problem.order * out_plane;
    product.out = dx + group * in_fields * problem.in_order * in_plane;
    product.bias = nullptr;
    product.filter = w + group * out_fields * in_fields * filter_depth;
    product.filter_out = filter_depth, product.filter_in = in_fields * filter_depth;
    product.filter_offset = offsets.data();
    run(product);
  }
}

template void orbit_gather_forward(const GroupConv2dProblem&, const float*, const float*, const float*, float*);
template void orbit_gather_forward(const GroupConv2dProblem&, const double*, const double*, const double*, double*);
template void orbit_gather_input_gradient(const GroupConv2dProblem&, const float*, const float*, float*);
template void orbit_gather_input_gradient(const GroupConv2dProblem&, const double*, const double*, double*);

namespace {
template <class Kernel>
Registration<Kernel> as_orbit_gather(typename Kernel::Launch* launch) {
  return Registration<Kernel>({"orbit_gather", DeviceKind::cpu, orbit_gather_supports, launch});
}
const auto forward_float = as_orbit_gather<GroupConv2dForward<float>>(orbit_gather_forward);
const auto forward_double = as_orbit_gather<GroupConv2dForward<double>>(orbit_gather_forward);
const auto input_float = as_orbit_gather<GroupConv2dInputGradient<float>>(orbit_gather_input_gradient);
const auto input_double = as_orbit_gather<GroupConv2dInputGradient<double>>(orbit_gather_input_gradient);
const auto filter_float = as_orbit_gather<GroupConv2dFilterGradient<float>>(orbit_gather_filter_gradient);
const auto filter_double = as_orbit_gather<GroupConv2dFilterGradient<double>>(orbit_gather_filter_gradient);
}  // namespace

}  // namespace orbitgrad::kernels::cpu
