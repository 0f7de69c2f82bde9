// Orbit gather in three dimensions: the base filter stays as it is, and each output element reads the rows of a lowered
// input field in its own order, so that a rotated input gives the rotated output bit for bit.
#include <vector>

#include "kernels/elementwise/formulas.hpp"
#include "kernels/group_conv3d/implementations.hpp"
#include "kernels/group_conv3d/orbit_tables3d.hpp"
#include "kernels/group_conv3d/padded_fields.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

struct LoweredField {};
struct PackedFilter {};
struct Sums {};

/// out[f, s, o] = bias[f] + sum_{c, d} row(c, rows[s][d])(o) filter[f filter_out + c filter_in + entry[d]].
template <class T>
struct Gather {
  VolumeWalk walk;
  std::int64_t kernel, in_fields, planes, out_fields, outputs;  // fields of one channel group
  std::vector<std::int32_t> rows, entry;                        // [outputs, depth], [depth]
  const T *filter, *bias;
  std::int64_t filter_out, filter_in;
  bool relu = false;

  std::int64_t taps() const { return kernel * kernel * kernel; }
  std::int64_t depth() const { return planes * taps(); }
};

/// [row tile][c][d][height], zeros beyond the last field.
template <class T>
const T* pack_filter(const Gather<T>& problem, const RowTiles& tiles) {
  const std::int64_t depth = problem.depth();
  T* const packed = workspace<PackedFilter, T>(tiles.padded() * problem.in_fields * depth);
  T* to = packed;
  for (std::int64_t tile = 0; tile < tiles.count; ++tile)
    for (std::int64_t c = 0; c < problem.in_fields; ++c)
      for (std::int64_t d = 0; d < depth; ++d)
        for (std::int64_t i = 0; i < tiles.height; ++i, ++to) {
          const std::int64_t f = tile * tiles.height + i;
          *to = f < problem.out_fields ? problem.filter[f * problem.filter_out + c * problem.filter_in +
                                                        problem.entry[static_cast<std::size_t>(d)]]
                                       : T{0};
        }
  return packed;
}

/// The rows (t, v) of one field at the positions of a tile: [block of columns][row][tile_columns].
template <class T>
void lower(const VolumeWalk& walk, const VolumeTile<T>& tile, const T* field, std::int64_t planes, std::int64_t kernel,
           T* to) {
  const std::int64_t taps = kernel * kernel * kernel, block = planes * taps * tile_columns<T>;
  for (std::int64_t t = 0; t < planes; ++t)
    for (std::int64_t v = 0; v < taps; ++v, to += tile_columns<T>)
      tile.read(field + t * volume(walk.padded) + walk.tap_offset(kernel, v), to, block);
}

/// All images of one channel group; `in_image` and `out_image` elements lie between two of them.
template <class T>
void run(const Gather<T>& problem, std::int64_t images, const T* in, std::int64_t in_image, T* out,
         std::int64_t out_image) {
  constexpr std::int64_t columns = tile_columns<T>;
  const std::int64_t depth = problem.depth(), positions = problem.walk.positions();
  const RowTiles tiles(problem.out_fields);
  const T* filter = pack_filter(problem, tiles);
  std::vector<std::int32_t> table;  // offsets of rows in a block
  for (const std::int32_t row : problem.rows) table.push_back(row * static_cast<std::int32_t>(columns));
  const auto gather = gather_kernel_of<T>(tiles.height);
  const std::int64_t field = problem.planes * volume(problem.walk.padded);
  const double flops = 2.0 * static_cast<double>(max_tile_positions<T> * problem.outputs * problem.out_fields *
                                                 problem.in_fields * depth);
  const T* padded = nullptr;
  const auto run_tile = [&](const VolumeTile<T>& tile, std::int64_t first) {
    const std::int64_t width = tile.width(), row = problem.outputs * width;
    T* lowered = workspace<LoweredField, T>(depth * width);
    T* sums = workspace<Sums, T>(tiles.padded() * row);
    std::fill(sums, sums + tiles.padded() * row, T{0});
    for (std::int64_t c = 0; c < problem.in_fields; ++c) {
      lower(problem.walk, tile, padded + c * field, problem.planes, problem.kernel, lowered);
      for (std::int64_t i = 0; i < tiles.count; ++i)
        for (std::int64_t s = 0; s < problem.outputs; ++s)
          for (std::int64_t block = 0; block * columns < width; ++block)
            gather(depth, filter + (i * problem.in_fields + c) * depth * tiles.height,
                   lowered + block * depth * columns, table.data() + s * depth, 0,
                   sums + i * tiles.height * row + s * width + block * columns, row, 0);
    }
    for (std::int64_t f = 0; f < problem.out_fields; ++f) {
      const T bias = problem.bias == nullptr ? T{0} : problem.bias[f];
      for (std::int64_t s = 0; s < problem.outputs; ++s)
        for (std::int64_t i = 0; i < tile.count(); ++i) {
          const T value = sums[f * row + s * width + i] + bias;
          out[(f * problem.outputs + s) * positions + first + i] = problem.relu ? Relu{}(value) : value;
        }
    }
  };
  for (std::int64_t n = 0; n < images; ++n, in += in_image, out += out_image) {
    padded = padded_fields(problem.walk, in, problem.in_fields * problem.planes);
    for_each_tile<T>(problem.walk, max_tile_positions<T>, flops, run_tile);
  }
}

}  // namespace

bool orbit_gather3d_supports(const GroupConv3dProblem& problem) {
  constexpr std::int64_t most = std::int64_t{1} << 30;  // offsets within a field are 32 bits
  if (problem.in_fields == 0 || problem.out_fields == 0) return false;
  const std::int64_t reach = problem.dilation * (problem.kernel - 1);
  Size3 padded;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    padded[axis] = problem.in_size[axis] + std::max(2 * problem.padding, reach);
    if (padded[axis] > (1 << 20)) return false;
  }
  if (padded[0] * padded[1] > most || volume(padded) > most) return false;
  return problem.kernel <= 64 && problem.in_order * problem.taps() * problem.order * tile_columns<float> <= most;
}

template <class T>
void orbit_gather3d_forward(const GroupConv3dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y) {
  Gather<T> gather{forward_walk(problem),
                   problem.kernel,
                   problem.in_fields / problem.groups,
                   problem.in_order,
                   problem.out_fields / problem.groups,
                   problem.order,
                   gather_rows(problem),
                   {},
                   nullptr,
                   nullptr,
                   0,
                   0,
                   problem.relu};
  for (std::int64_t d = 0; d < gather.depth(); ++d) gather.entry.push_back(static_cast<std::int32_t>(d));
  gather.filter_in = gather.depth(), gather.filter_out = gather.in_fields * gather.depth();
  const std::int64_t in = gather.in_fields * problem.in_order * volume(problem.in_size);
  const std::int64_t out = gather.out_fields * problem.order * gather.walk.positions();
  for (std::int64_t group = 0; group < problem.groups; ++group) {
    gather.filter = w + group * gather.out_fields * gather.filter_out;
    gather.bias = bias_or_null == nullptr ? nullptr : bias_or_null + group * gather.out_fields;
    run(gather, problem.batch, x + group * in, problem.groups * in, y + group * out, problem.groups * out);
  }
}

template <class T>
void orbit_gather3d_input_gradient(const GroupConv3dProblem& problem, const T* dy, const T* w, T* dx) {
  const bool lifts = problem.in_order == 1;  // then the gradient has one plane, which reads the rows in order
  Gather<T> gather{transposed_walk(problem),
                   problem.kernel,
                   problem.out_fields / problem.groups,
                   problem.order,
                   problem.in_fields / problem.groups,
                   problem.in_order,
                   {},
                   transposed_filter_entries(problem),
                   nullptr,
                   nullptr,
                   0,
                   0};
  if (lifts) {
    for (std::int64_t d = 0; d < gather.depth(); ++d) gather.rows.push_back(static_cast<std::int32_t>(d));
  } else {
    gather.rows = gather_rows(problem);
  }
  gather.filter_out = problem.in_order * problem.taps(), gather.filter_in = gather.out_fields * gather.filter_out;
  const std::int64_t in = gather.in_fields * problem.order * volume(gather.walk.from);
  const std::int64_t out = gather.out_fields * problem.in_order * gather.walk.positions();
  for (std::int64_t group = 0; group < problem.groups; ++group) {
    gather.filter = w + group * gather.in_fields * gather.filter_in;
    run(gather, problem.batch, dy + group * in, problem.groups * in, dx + group * out, problem.groups * out);
  }
}

template void orbit_gather3d_forward(const GroupConv3dProblem&, const float*, const float*, const float*, float*);
template void orbit_gather3d_forward(const GroupConv3dProblem&, const double*, const double*, const double*, double*);
template void orbit_gather3d_input_gradient(const GroupConv3dProblem&, const float*, const float*, float*);
template void orbit_gather3d_input_gradient(const GroupConv3dProblem&, const double*, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
