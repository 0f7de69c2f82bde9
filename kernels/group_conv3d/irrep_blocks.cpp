// Irrep blocks in three dimensions, forward and input gradient: both are one product, with the base filter or its
// transpose. A tile of positions passes through all of it: lowered, transformed into panels, multiplied block by block,
// transformed back.
#include "kernels/ceil_div.hpp"
#include "kernels/elementwise/formulas.hpp"
#include "kernels/group_conv3d/frame_tile.hpp"
#include "kernels/group_conv3d/implementations.hpp"
#include "kernels/group_conv3d/padded_fields.hpp"
#include "kernels/prefetch.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

struct Values {};
struct PanelRows {};
struct PackedFilter {};
struct Sums {};

/// out[f, s, o] = bias[f] + sum_{c, w, g} X[c, w, s g](o) a[f, c, w, g],
/// a[f, c, w, g] = weight[w] filter[f filter_out + c filter_in + entry[w, g]].
template <class T>
struct Blocks {
  VolumeWalk walk;
  const FrameTransform* transform;
  std::int64_t kernel, in_fields, in_planes, out_fields;  // fields of one channel group
  OrbitReads3d reads;
  std::vector<std::int32_t> entry = {};  // [w, g]
  const T *filter = nullptr, *bias = nullptr;
  std::int64_t filter_out = 0, filter_in = 0;
  bool relu = false;

  /// Rows (field, i) and depth (c, w, j) of a block's product.
  RowTiles rows(const FrameBlock& block) const { return RowTiles(out_fields * block.degree); }
  std::int64_t depth(const FrameBlock& block) const { return reads.taps * block.degree; }  // of one input field
};

/// Per block [row tile][c][w][j][height], zeros beyond the last row.
template <class T>
const T* pack_filter(const Blocks<T>& problem) {
  const FilterTransform sparse(*problem.transform);
  const std::int64_t order = problem.transform->order, taps = problem.reads.taps;
  std::int64_t size = 0;
  for (const FrameBlock& block : problem.transform->blocks)
    size += problem.rows(block).padded() * problem.in_fields * problem.depth(block);
  T* const packed = workspace<PackedFilter, T>(size);
  std::fill(packed, packed + size, T{0});
  std::vector<std::vector<std::int64_t>> place;  // of row (field, i) of each block, for depth 0
  for (const FrameBlock& block : problem.transform->blocks) {
    const RowTiles rows = problem.rows(block);
    const std::int64_t tile = problem.in_fields * problem.depth(block) * rows.height;
    auto& of_block = place.emplace_back();
    for (std::int64_t row = 0; row < rows.extent; ++row)
      of_block.push_back(row / rows.height * tile + row % rows.height);
  }
  const auto pack = [&](std::int64_t c, std::int64_t w) {
    for (std::int64_t first = 0; first < problem.out_fields; first += lanes<T>) {
      const std::int64_t count = std::min<std::int64_t>(lanes<T>, problem.out_fields - first);
      alignas(64) T element[lanes<T>] = {}, number[lanes<T>];
      std::vector<Vector<T>> value(static_cast<std::size_t>(order)), slot(static_cast<std::size_t>(sparse.slots));
      for (std::int64_t g = 0; g < order; ++g) {
        const auto at = static_cast<std::size_t>(w * order + g);
        for (std::int64_t i = 0; i < count; ++i)
          element[i] = problem.filter[(first + i) * problem.filter_out + c * problem.filter_in + problem.entry[at]];
        value[static_cast<std::size_t>(g)] =
            load(element) * broadcast(static_cast<T>(problem.reads.weight[static_cast<std::size_t>(w)]));
      }
      for (const auto& entry : sparse.entries)
        slot[static_cast<std::size_t>(entry.slot)] =
            multiply_add(broadcast(static_cast<T>(entry.factor)), value[static_cast<std::size_t>(entry.element)],
                         slot[static_cast<std::size_t>(entry.slot)]);
      T* base = packed;
      std::size_t next = 0;
      auto of_block = place.begin();
      for (const FrameBlock& block : problem.transform->blocks) {
        const RowTiles rows = problem.rows(block);
        const std::int64_t depth = problem.in_fields * problem.depth(block), d = block.degree;
        for (std::int64_t j = 0; j < d; ++j)
          for (std::int64_t i = 0; i < d; ++i) {
            store(number, slot[next] / broadcast(static_cast<T>(sparse.divisor[next])));
            ++next;
            const std::int64_t at = ((c * taps + w) * d + j) * rows.height;
            for (std::int64_t lane = 0; lane < count; ++lane)
              base[at + (*of_block)[static_cast<std::size_t>((first + lane) * d + i)]] = number[lane];
          }
        base += rows.padded() * depth;
        ++of_block;
      }
    }
  };
  parallel_for(problem.in_fields * taps, std::max<std::int64_t>(1, 256 / problem.out_fields),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t item = begin; item < end; ++item) pack(item / taps, item % taps);
               });
  return packed;
}

/// The micro-kernel on rows that lie at known places.
template <class T>
using PanelProduct = void(std::int64_t depth, const T* a, const T* b, T* c, bool from_zero);
template <class T, int rows>
[[gnu::flatten]] void panel_product(std::int64_t depth, const T* a, const T* b, T* c, bool from_zero) {
  micro_kernel<T, rows>(depth, a, b, block_positions<T>, c, block_positions<T>, from_zero);
}
template <class T>
PanelProduct<T>* panel_product_of(std::int64_t rows) {
  static constexpr auto products = []<int... index>(std::integer_sequence<int, index...>) {
    return std::array<PanelProduct<T>*, sizeof...(index)>{panel_product<T, index + 1>...};
  }
  (std::make_integer_sequence<int, max_tile_rows>());
  return products[static_cast<std::size_t>(rows - 1)];
}

/// Adds the products of the panels, taps first ... first + count of field c, to the sums of a part of a tile; or writes
/// them, if they are the first.
template <class T>
void multiply(const Blocks<T>& problem, std::int64_t c, std::int64_t first, std::int64_t count, const T* filter,
              const T* panels, T* sums) {
  constexpr std::int64_t columns = block_positions<T>;
  const bool from_zero = c == 0 && first == 0;
  for (const FrameBlock& block : problem.transform->blocks) {
    const RowTiles tiles = problem.rows(block);
    const std::int64_t d = block.degree, of_field = problem.depth(block), all = problem.in_fields * of_field;
    PanelProduct<T>* const product = panel_product_of<T>(tiles.height);
    for (std::int64_t f = 0; f < block.size; ++f, panels += taps_at_a_time * d * columns)
      for (std::int64_t tile = 0; tile < tiles.count; ++tile, sums += tiles.height * columns)
        product(count * d, filter + (tile * all + c * of_field + first * d) * tiles.height, panels, sums, from_zero);
    filter += tiles.padded() * all;
  }
}

/// From the sums [part][block][f][field, j][block_positions] of a tile.
template <class T>
void write_outputs(const Blocks<T>& problem, const FrameInverse<T>& inverse, const VolumeTile<T>& tile,
                   std::int64_t first, const T* sums, std::int64_t sums_of_part, T* pairs, T* out) {
  constexpr std::int64_t columns = block_positions<T>;
  const std::int64_t order = problem.transform->order, width = tile.width(), positions = problem.walk.positions();
  for (std::int64_t field = 0; field < problem.out_fields; ++field) {
    for (std::int64_t i = 0; i < width; i += columns) {
      const T* rows = sums + i / columns * sums_of_part;
      T* pair = pairs + i;
      for (const FrameBlock& block : problem.transform->blocks) {
        const std::int64_t of_f = problem.rows(block).padded();
        FrameInverse<T>::pair(block, rows + field * block.degree * columns, of_f, width, pair);
        rows += block.size * of_f * columns;
        pair += block.size * block.size * width;
      }
    }
    const Vector<T> bias = broadcast(problem.bias == nullptr ? T{0} : problem.bias[field]);
    for (std::int64_t s = 0; s < order; ++s) {
      T* target = out + (field * order + s) * positions + first;
      inverse.element(s, pairs, width, [&](std::int64_t i, Vector<T> value) {
        if (i >= tile.count()) return;
        const auto valid = std::min<std::int64_t>(lanes<T>, tile.count() - i);
        value += bias;
        masked_store(target + i, static_cast<std::uint32_t>((std::uint64_t{1} << valid) - 1),
                     problem.relu ? Relu{}(value) : value);
      });
    }
  }
}

/// One image of one channel group.
template <class T>
void run(const Blocks<T>& problem, const FieldTransform<T>& forward, const FrameInverse<T>& inverse, const T* filter,
         const T* in, T* out) {
  const FrameTransform& transform = *problem.transform;
  const std::int64_t taps = problem.reads.taps;
  std::int64_t sums_of_part = 0, products = 0;
  for (const FrameBlock& block : transform.blocks) {
    sums_of_part += problem.rows(block).padded() * block.size * block_positions<T>;
    products += block.size * block.degree * block.degree;
  }
  const std::int64_t field = problem.in_planes * volume(problem.walk.padded);
  const T* padded = padded_fields(problem.walk, in, problem.in_fields * problem.in_planes);
  const double flops =
      2.0 * static_cast<double>(max_tile_positions<T> * products * problem.out_fields * problem.in_fields * taps);
  for_each_tile<T>(problem.walk, max_tile_positions<T>, flops, [&](const VolumeTile<T>& tile, std::int64_t first) {
    const std::int64_t width = tile.width();
    T* values = workspace<Values, T>(std::max(forward.scratch_size(), inverse.pairs() * width));
    const Panels<T> panels(transform, workspace<PanelRows, T>(Panels<T>::size(transform)));
    T* const sums = workspace<Sums, T>(sums_of_part * width / block_positions<T>);
    T* of_part = sums;
    const std::vector<VolumeTile<T>> parts = parts_of(problem.walk, tile, first, block_positions<T>);
    const std::int64_t planes = problem.out_fields * transform.order, positions = problem.walk.positions();
    const std::int64_t asked = ceil_div(planes, static_cast<std::int64_t>(parts.size()) * problem.in_fields);
    std::int64_t plane = 0;
    for (const VolumeTile<T>& part : parts) {
      for (std::int64_t c = 0; c < problem.in_fields; ++c) {
        for (std::int64_t w = 0; w < taps; w += taps_at_a_time) {
          const std::int64_t count = std::min(taps_at_a_time, taps - w);
          forward.run(part, padded + c * field, w, count, panels, values);
          multiply(problem, c, w, count, filter, panels.data, of_part);
        }
        // The outputs lie in as many pages as there are planes: asked for meanwhile, a few at a time.
        for (const std::int64_t end = std::min(planes, plane + asked); plane < end; ++plane)
          prefetch<true>(out + plane * positions + first, tile.count());
      }
      of_part += sums_of_part;
    }
    write_outputs(problem, inverse, tile, first, sums, sums_of_part, values, out);
  });
}

template <class T>
void run_images(Blocks<T>& problem, const GroupConv3dProblem& shape, const T* filter, const T* bias_or_null,
                const T* in, T* out) {
  const std::int64_t in_size = problem.in_fields * problem.in_planes * volume(problem.walk.from);
  const std::int64_t out_size = problem.out_fields * shape.order * problem.walk.positions();
  const std::int64_t filter_size = shape.w_size() / shape.groups;
  const FieldTransform<T> forward(*problem.transform, problem.walk, problem.reads, problem.kernel);
  const FrameInverse<T> inverse(*problem.transform);
  for (std::int64_t group = 0; group < shape.groups; ++group) {
    problem.filter = filter + group * filter_size;
    problem.bias = bias_or_null == nullptr ? nullptr : bias_or_null + group * problem.out_fields;
    const T* packed = pack_filter(problem);
    for (std::int64_t n = 0; n < shape.batch; ++n) {
      const std::int64_t image = n * shape.groups + group;
      run(problem, forward, inverse, packed, in + image * in_size, out + image * out_size);
    }
  }
}

/// What the product reads and writes, without its filter.
template <class T>
Blocks<T> blocks_of(const GroupConv3dProblem& problem, const VolumeWalk& walk, std::int64_t in_fields,
                    std::int64_t in_planes, std::int64_t out_fields) {
  return {walk, problem.transform, problem.kernel, in_fields, in_planes, out_fields, orbit_reads3d(problem)};
}

}  // namespace

bool irrep_blocks3d_supports(const GroupConv3dProblem& problem) {
  return problem.transform != nullptr && problem.order <= max_frame_order && orbit_gather3d_supports(problem);
}
bool irrep_blocks3d_supports_input_gradient(const GroupConv3dProblem& problem) {
  return problem.in_order == problem.order && irrep_blocks3d_supports(problem);
}

template <class T>
void irrep_blocks3d_forward(const GroupConv3dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y) {
  const std::int64_t in_fields = problem.in_fields / problem.groups, out_fields = problem.out_fields / problem.groups;
  auto blocks = blocks_of<T>(problem, forward_walk(problem), in_fields, problem.in_order, out_fields);
  blocks.entry = blocks.reads.entry;
  blocks.relu = problem.relu;
  blocks.filter_in = problem.in_order * problem.taps(), blocks.filter_out = in_fields * blocks.filter_in;
  run_images(blocks, problem, w, bias_or_null, x, y);
}

template <class T>
void irrep_blocks3d_input_gradient(const GroupConv3dProblem& problem, const T* dy, const T* w, T* dx) {
  const std::int64_t in_fields = problem.in_fields / problem.groups, out_fields = problem.out_fields / problem.groups;
  auto blocks = blocks_of<T>(problem, transposed_walk(problem), out_fields, problem.order, in_fields);
  const std::vector<std::int32_t> transposed = transposed_filter_entries(problem);
  for (const std::int32_t entry : blocks.reads.entry)
    blocks.entry.push_back(transposed[static_cast<std::size_t>(entry)]);
  blocks.filter_out = problem.order * problem.taps(), blocks.filter_in = in_fields * blocks.filter_out;
  run_images(blocks, problem, w, static_cast<const T*>(nullptr), dy, dx);
}

template void irrep_blocks3d_forward(const GroupConv3dProblem&, const float*, const float*, const float*, float*);
template void irrep_blocks3d_forward(const GroupConv3dProblem&, const double*, const double*, const double*, double*);
template void irrep_blocks3d_input_gradient(const GroupConv3dProblem&, const float*, const float*, float*);
template void irrep_blocks3d_input_gradient(const GroupConv3dProblem&, const double*, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
