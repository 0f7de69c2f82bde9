// Irrep blocks, forward and input gradient: both are one product, with the base filter or its transpose. A tile of
// columns passes through all of it: lowered and transformed into panels, multiplied block by block, transformed back.
#include "kernels/group_conv2d/irrep_blocks.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "kernels/elementwise/formulas.hpp"
#include "kernels/gemm/workspace.hpp"
#include "kernels/group_conv2d/irrep_tile.hpp"
#include "kernels/group_conv2d/orbit_tables.hpp"
#include "kernels/parallel.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

struct Panels {};
struct PackedFilter {};
struct Sums {};

/// Tiles that pass together: neighbours share lines of the image, and the filter is read once for all.
constexpr std::int64_t tile_group = 8;

/// out[n, f, s, o] = bias[f] + sum_{c,w,g} X[c, w, s g] a[f, c, w, g], X as in irrep_transform.hpp.
template <class T>
struct IrrepProblem {
  TileGeometry geometry;
  std::int64_t in_fields, out_fields;  // of one channel group
  TileReads reads;
  const T *in, *bias;
  T* out;
  bool relu = false;
  // a[f, c, w, g] = filter[f filter_out + c filter_in + filter_offset[w order + g]]
  const T* filter;
  std::int64_t filter_out, filter_in;
  std::vector<std::int32_t> filter_offset;

  // How the work is cut.
  std::int64_t rows, row_tiles;  // fields of a register tile, tiles of fields
  std::int64_t channels;         // input fields lowered at a time

  std::int64_t fields() const { return rows * row_tiles; }
  std::int64_t depth() const { return in_fields * reads.taps; }
  std::int64_t field_size() const { return reads.planes * geometry.height * geometry.width; }

  void plan(std::int64_t order) {
    constexpr std::int64_t panels_bytes = 64 << 10;  // of a tile; the panels of a group share a second-level cache
    row_tiles = (out_fields + max_tile_rows - 1) / max_tile_rows;
    rows = (out_fields + row_tiles - 1) / row_tiles;
    const std::int64_t field_bytes = order * reads.taps * tile_columns<T> * static_cast<std::int64_t>(sizeof(T));
    channels = std::clamp<std::int64_t>(panels_bytes / field_bytes, 1, in_fields);
  }
};

/// The transformed filter in the order of the register tiles, [filter][row tile][c][w][rows], zeros beyond the last
/// field.
template <class Irreps, class T>
void pack_filter(const IrrepProblem<T>& problem, T* to) {
  constexpr int order = Irreps::order, filters = Irreps::filters;
  const std::int64_t taps = problem.reads.taps, rows = problem.rows, size = problem.fields() * problem.depth();
  const auto pack_field = [&](std::int64_t tile, std::int64_t c) {
    T* target = to + (tile * problem.depth() + c * taps) * rows;
    const std::int64_t count = std::min(rows, problem.out_fields - tile * rows);
    const T* source = problem.filter + tile * rows * problem.filter_out + c * problem.filter_in;
    for (std::int64_t w = 0; w < taps; ++w, target += rows)
      for (std::int64_t first = 0; first < rows; first += lanes<T>) {
        alignas(64) T entry[order][lanes<T>] = {};
        const std::int64_t here = std::clamp<std::int64_t>(count - first, 0, lanes<T>);
        for (std::int64_t i = 0; i < here; ++i)
          for (int g = 0; g < order; ++g)
            entry[g][i] = source[(first + i) * problem.filter_out +
                                 problem.filter_offset[static_cast<std::size_t>(w * order + g)]];
        Vector<T> value[filters];
        for (int g = 0; g < order; ++g) value[g] = load(entry[g]);
        Irreps::transform(value);
        for (int i = 0; i < order; ++i)
          value[i] *= broadcast(static_cast<T>(Irreps::scale(i) * problem.reads.weight[static_cast<std::size_t>(w)]));
        Irreps::spread(value);
        const std::uint32_t mask = (1u << std::min<std::int64_t>(lanes<T>, rows - first)) - 1;
        for (int f = 0; f < filters; ++f) masked_store(target + f * size + first, mask, value[f]);
      }
  };
  parallel_for(problem.row_tiles * problem.in_fields, std::max<std::int64_t>(1, (1 << 12) / (rows * taps * order)),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t item = begin; item < end; ++item)
                   pack_field(item / problem.in_fields, item % problem.in_fields);
               });
}

/// Adds the products of `depth` rows of the panels of `tiles` tiles, from row `first` of the filter on, to the sums.
template <class Irreps, class T>
void multiply(const IrrepProblem<T>& problem, MicroKernel<T>* kernel, std::int64_t first, std::int64_t depth,
              const T* filter, const T* panels, std::int64_t panel, std::int64_t tiles, T* sums) {
  constexpr std::int64_t columns = tile_columns<T>;
  const std::int64_t tile_panels = Irreps::order * panel, tile_sums = Irreps::sums * problem.fields() * columns;
  for (const IrrepProduct& product : Irreps::products)
    for (std::int64_t t = 0; t < tiles; ++t)
      for (std::int64_t i = 0; i < product.width * problem.row_tiles; ++i)
        kernel(depth, filter + ((product.filter * problem.row_tiles + i) * problem.depth() + first) * problem.rows,
               panels + t * tile_panels + product.panel * panel, columns,
               sums + t * tile_sums + (product.out * problem.row_tiles + i) * problem.rows * columns, columns, false);
}

/// Transforms the sums [tile][sum][field][column] back, adds the bias, takes the ReLU and writes them.
template <class Irreps, class T>
void write_outputs(const IrrepProblem<T>& problem, const IrrepTile<Irreps, T>* tiles, std::int64_t count,
                   const T* sums) {
  const std::int64_t positions = problem.geometry.positions(), size = problem.fields() * tile_columns<T>;
  for (std::int64_t f = 0; f < problem.out_fields; ++f)
    for (std::int64_t t = 0; t < count; ++t)
      for (int half = 0; half < 2; ++half) {
        const T* from = sums + t * Irreps::sums * size + f * tile_columns<T> + half * lanes<T>;
        Vector<T> value[Irreps::sums];
        for (int i = 0; i < Irreps::sums; ++i) value[i] = load(from + i * size);
        Irreps::join(value);
        Irreps::inverse(value);
        if (problem.bias != nullptr)
          for (int s = 0; s < Irreps::order; ++s) value[s] += broadcast(problem.bias[f]);
        if (problem.relu)
          for (int s = 0; s < Irreps::order; ++s) value[s] = Relu{}(value[s]);
        const LaneRuns<T>& runs = tiles[t].out_runs();
        for (int run = 0; run < runs.count[half]; ++run) {
          const LaneRun to = runs.runs[half][run];
          T* target = problem.out + f * Irreps::order * positions + to.offset;
          for (int s = 0; s < Irreps::order; ++s) masked_store(target + s * positions, to.mask, value[s]);
        }
      }
}

template <class Irreps, class T>
void run(const IrrepProblem<T>& problem) {
  constexpr std::int64_t columns = tile_columns<T>;
  const std::int64_t taps = problem.reads.taps, fields = problem.fields();
  T* filter = workspace<PackedFilter, T>(Irreps::filters * fields * problem.depth());
  pack_filter<Irreps>(problem, filter);
  MicroKernel<T>* const kernel = micro_kernel_of<T>(problem.rows);
  const std::int64_t tiles = (problem.geometry.columns() + columns - 1) / columns;
  const double tile_flops = 2.0 * static_cast<double>(columns * Irreps::sums * fields * problem.depth());
  parallel_for(
      tiles, std::max<std::int64_t>(1, static_cast<std::int64_t>(2e5 / tile_flops)),
      [&](std::int64_t begin, std::int64_t end) {
        const std::int64_t most = std::min(tile_group, end - begin);
        std::vector<IrrepTile<Irreps, T>> group(static_cast<std::size_t>(most), {problem.geometry, problem.reads});
        const std::int64_t panel = problem.channels * taps * columns, field = problem.field_size();
        const std::int64_t tile_panels = Irreps::order * panel, tile_sums = Irreps::sums * fields * columns;
        T* panels = workspace<Panels, T>(most * tile_panels);
        T* sums = workspace<Sums, T>(most * tile_sums);
        for (std::int64_t index = begin; index < end; index += most) {
          const std::int64_t count = std::min(most, end - index);
          for (std::int64_t t = 0; t < count; ++t) group[static_cast<std::size_t>(t)].move_to((index + t) * columns);
          std::fill(sums, sums + count * tile_sums, T{0});
          for (std::int64_t c = 0; c < problem.in_fields; c += problem.channels) {
            const std::int64_t channels = std::min(problem.channels, problem.in_fields - c);
            for (std::int64_t i = 0; i < channels; ++i)
              for (std::int64_t t = 0; t < count; ++t)
                group[static_cast<std::size_t>(t)].transform(problem.in + (c + i) * field, t == 0,
                                                             panels + t * tile_panels + i * taps * columns, panel,
                                                             columns);
            multiply<Irreps>(problem, kernel, c * taps, channels * taps, filter, panels, panel, count, sums);
          }
          write_outputs(problem, group.data(), count, sums);
        }
      });
}

}  // namespace

bool irrep_blocks_supports(const GroupConv2dProblem& problem) {
  return column_tile_supports(problem) && has_irreps(problem);
}

bool irrep_blocks_supports_input_gradient(const GroupConv2dProblem& problem) {
  return problem.in_order == problem.order && irrep_blocks_supports(problem);
}

template <class T>
void irrep_blocks_forward(const GroupConv2dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y) {
  if (problem.y_size() == 0) return;
  IrrepProblem<T> product;
  product.geometry = forward_geometry(problem);
  product.in_fields = problem.in_fields / problem.groups, product.out_fields = problem.out_fields / problem.groups;
  product.reads = tile_reads(problem, product.geometry);
  product.filter_in = problem.in_order * problem.kernel * problem.kernel;
  product.filter_out = product.in_fields * product.filter_in;
  product.filter_offset = product.reads.filter_entry;
  product.relu = problem.relu;
  product.plan(problem.order);
  const std::int64_t in_plane = problem.in_height * problem.in_width;
  const std::int64_t out_plane = problem.out_height() * problem.out_width();
  for (std::int64_t group = 0; group < problem.groups; ++group) {
    product.in = x + group * product.in_fields * problem.in_order * in_plane;
    product.out = y + group * product.out_fields * problem.order * out_plane;
    product.bias = bias_or_null == nullptr ? nullptr : bias_or_null + group * product.out_fields;
    product.filter = w + group * product.out_fields * product.filter_out;
    with_irreps(problem, [&](auto irreps) { run<decltype(irreps)>(product); });
  }
}

template <class T>
void irrep_blocks_input_gradient(const GroupConv2dProblem& problem, const T* dy, const T* w, T* dx) {
  if (problem.x_size() == 0) return;
  if (problem.y_size() == 0) {
    std::fill(dx, dx + problem.x_size(), T{0});
    return;
  }
  IrrepProblem<T> product;  // from dy to dx: what was the output is read
  product.geometry = transposed_geometry(problem);
  product.in_fields = problem.out_fields / problem.groups, product.out_fields = problem.in_fields / problem.groups;
  product.reads = tile_reads(problem, product.geometry);
  product.filter_out = problem.order * problem.kernel * problem.kernel;
  product.filter_in = product.out_fields * product.filter_out;
  const std::vector<std::int32_t> transposed = transposed_filter_offsets(problem);
  for (const std::int32_t entry : product.reads.filter_entry)
    product.filter_offset.push_back(transposed[static_cast<std::size_t>(entry)]);
  product.bias = nullptr;
  product.plan(problem.order);
  const std::int64_t in_plane = problem.in_height * problem.in_width;
  const std::int64_t out_plane = problem.out_height() * problem.out_width();
  for (std::int64_t group = 0; group < problem.groups; ++group) {
    product.in = dy + group * product.in_fields * problem.order * out_plane;
    product.out = dx + group * product.out_fields * problem.order * in_plane;
    product.filter = w + group * product.in_fields * product.filter_in;
    with_irreps(problem, [&](auto irreps) { run<decltype(irreps)>(product); });
  }
}

template void irrep_blocks_forward(const GroupConv2dProblem&, const float*, const float*, const float*, float*);
template void irrep_blocks_forward(const GroupConv2dProblem&, const double*, const double*, const double*, double*);
template void irrep_blocks_input_gradient(const GroupConv2dProblem&, const float*, const float*, float*);
template void irrep_blocks_input_gradient(const GroupConv2dProblem&, const double*, const double*, double*);

namespace {
template <class Kernel>
Registration<Kernel> as_irrep_blocks(typename Kernel::Launch* launch,
                                     bool (*supports)(const GroupConv2dProblem&) = irrep_blocks_supports) {
  return Registration<Kernel>({"irrep_blocks", DeviceKind::cpu, supports, launch});
}
const auto forward_float = as_irrep_blocks<GroupConv2dForward<float>>(irrep_blocks_forward);
const auto forward_double = as_irrep_blocks<GroupConv2dForward<double>>(irrep_blocks_forward);
const auto input_float =
    as_irrep_blocks<GroupConv2dInputGradient<float>>(irrep_blocks_input_gradient, irrep_blocks_supports_input_gradient);
const auto input_double = as_irrep_blocks<GroupConv2dInputGradient<double>>(irrep_blocks_input_gradient,
                                                                            irrep_blocks_supports_input_gradient);
const auto filter_float = as_irrep_blocks<GroupConv2dFilterGradient<float>>(irrep_blocks_filter_gradient);
const auto filter_double = as_irrep_blocks<GroupConv2dFilterGradient<double>>(irrep_blocks_filter_gradient);
}  // namespace

}  // namespace orbitgrad::kernels::cpu
