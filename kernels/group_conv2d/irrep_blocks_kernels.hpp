// Irrep blocks in tiles: a block of threads computes all outputs of a tile of fields and positions. Step by step, the
// threads read what a few rows (c, w) need, transform it in registers and leave the values in shared memory, where the
// transformed filter arrives by itself (cp.async); both have two places, so that the next step is brought while the
// present one is multiplied. The gradient by the filter is the same with positions for depth. Tile: where the sums are
// kept (irrep_register_tile.hpp, irrep_tensor_core_tile.hpp).
#pragma once

#include "kernels/conv2d/gathered_kernels.hpp"
#include "kernels/group_conv2d/irrep_register_tile.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

/// The operands of one step.
template <class Tile, int row_count, int field_values>
struct alignas(16) IrrepStage {
  using Irreps = typename Tile::Irreps;
  static constexpr int rows = row_count, field_row = field_values * Tile::fields;
  typename Tile::Word of_columns[rows][Irreps::order * Tile::columns + Tile::padding];
  typename Tile::Word of_fields[rows][field_row + Tile::padding];
};
template <class Tile>
using IrrepProductStage = IrrepStage<Tile, Tile::words, Tile::Irreps::filters>;
template <class Tile>
using IrrepGradientStage = IrrepStage<Tile, Tile::gradient_words, Tile::Irreps::order>;

/// Of a block: tiles of fields first, so that neighbours read the same of the input.
template <class Tile>
struct IrrepPlace {
  std::int32_t piece, group, field, column;  // first field and column

  ORBITGRAD_HOST_DEVICE static std::int32_t field_tiles(const GatheredProduct& p) {
    return (p.out_fields + Tile::fields - 1) / Tile::fields;
  }
  ORBITGRAD_HOST_DEVICE static std::int32_t column_tiles(std::int32_t columns) {
    return (columns + Tile::columns - 1) / Tile::columns;
  }
  static std::int64_t blocks(const GatheredProduct& p, std::int32_t columns) {
    return std::int64_t{p.groups} * field_tiles(p) * column_tiles(columns);
  }
  __device__ static IrrepPlace of_block(const GatheredProduct& p, std::int32_t columns) {
    const auto block = static_cast<std::int32_t>(blockIdx.x);
    const std::int32_t down = field_tiles(p), in_group = down * column_tiles(columns), tile = block % in_group;
    return {block / in_group / p.groups, block / in_group % p.groups, tile % down * Tile::fields,
            tile / down * Tile::columns};
  }
};

/// Steps of the product over the rows of a channel group.
template <class Tile>
ORBITGRAD_HOST_DEVICE std::int32_t irrep_steps(const IrrepConvolution& p) {
  return (p.depth() + Tile::words * Tile::per_word - 1) / (Tile::words * Tile::per_word);
}

/// The transformed filter as the tiles read it: [group][tile of fields][step][row][value][field], zeros beyond the
/// last.
template <class Tile>
__global__ void pack_irrep_filter(IrrepConvolution p, std::int64_t size, const typename Tile::Element* filter,
                                  typename Tile::Word* packed) {
  using Irreps = typename Tile::Irreps;
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= size) return;
  const std::int32_t rows = irrep_steps<Tile>(p) * Tile::words, tiles = IrrepPlace<Tile>::field_tiles(p.product);
  const auto in_tile = static_cast<std::int32_t>(i % Tile::fields);
  const auto row = static_cast<std::int32_t>(i / Tile::fields % rows);
  const auto tile = static_cast<std::int32_t>(i / Tile::fields / rows);
  typename Tile::Element value[Tile::per_word][Irreps::filters];
  SIM_UNROLL
  for (int j = 0; j < Tile::per_word; ++j)
    transformed_filter<Irreps>(p, filter, tile / tiles, tile % tiles * Tile::fields + in_tile, row * Tile::per_word + j,
                               value[j]);
  SIM_UNROLL
  for (int k = 0; k < Irreps::filters; ++k)
    packed[(i / Tile::fields * Irreps::filters + k) * Tile::fields + in_tile] =
        Tile::pack(value[0][k], value[Tile::per_word - 1][k]);
}

/// Adds `steps` steps to the tile; bring(step, stage) writes the operands of a step, or starts to copy them. `stages`
/// are two; the first `used` fields of the tile exist. All threads of the block must call.
template <bool gradient, class Tile, class Stage, class Bring>
__device__ __forceinline__ void add_irrep_steps(std::int32_t steps, std::int32_t used, Stage* stages, Tile& tile,
                                                Bring&& bring) {
  for (std::int32_t step = -1; step < steps; ++step) {
    if (step >= 0) {
      copy_async_wait<0>();
      __syncthreads();  // the present stage is complete, and nobody reads the other one any more
    }
    if (step + 1 < steps) {
      bring(step + 1, stages[(step + 1) % 2]);
      copy_async_commit();
    }
    if (step >= 0) tile.template add<gradient>(stages[step % 2], used);
  }
}

template <class Tile>
__global__ __launch_bounds__(irrep_threads, Tile::blocks_at_least) void irrep_product(
    IrrepConvolution p, const typename Tile::Element* in, const typename Tile::Word* packed,
    const typename Tile::Element* bias_or_null, typename Tile::Element* out) {
  using Irreps = typename Tile::Irreps;
  using T = typename Tile::Element;
  using Stage = IrrepProductStage<Tile>;
  constexpr int row_step = irrep_threads / Tile::columns, piece_words = 16 / sizeof(typename Tile::Word);
  constexpr int pieces = Stage::rows * Stage::field_row / piece_words;
  auto* stages = dynamic_shared<Stage>();
  auto* table = reinterpret_cast<GatheredEntry*>(stages + 2);
  const auto thread = static_cast<std::int32_t>(threadIdx.x);
  for (std::int32_t i = thread; i < p.taps * Irreps::order; i += irrep_threads) table[i] = p.reads[i].place;
  __syncthreads();
  const auto place = IrrepPlace<Tile>::of_block(p.product, p.positions());
  const std::int32_t steps = irrep_steps<Tile>(p), column = thread % Tile::columns;
  const auto position = IrrepPosition::of(p.product, place.group, place.column + column);
  const std::int64_t first_tile =
      std::int64_t{place.group} * IrrepPlace<Tile>::field_tiles(p.product) + place.field / Tile::fields;
  const typename Tile::Word* filter = packed + first_tile * steps * (Stage::rows * Stage::field_row);
  Tile tile;
  add_irrep_steps<false>(steps, p.product.out_fields - place.field, stages, tile, [&](std::int32_t step, Stage& stage) {
    SIM_UNROLL
    for (int i = 0; i < (pieces + irrep_threads - 1) / irrep_threads; ++i) {
      const int word = (thread + i * irrep_threads) * piece_words;
      if (word < Stage::rows * Stage::field_row)
        copy_async<16>(&stage.of_fields[word / Stage::field_row][word % Stage::field_row], filter + word);
    }
    filter += Stage::rows * Stage::field_row;
    SIM_UNROLL
    for (int i = 0; i < Stage::rows / row_step; ++i) {
      const int row = thread / Tile::columns + i * row_step;
      T value[Tile::per_word][Irreps::order];
      SIM_UNROLL
      for (int j = 0; j < Tile::per_word; ++j)
        transformed_input<Irreps>(
            p, in, [&](std::int32_t at) { return table[at]; }, position,
            (step * Stage::rows + row) * Tile::per_word + j, value[j]);
      SIM_UNROLL
      for (int k = 0; k < Irreps::order; ++k)
        stage.of_columns[row][k * Tile::columns + column] = Tile::pack(value[0][k], value[Tile::per_word - 1][k]);
    }
  });
  tile.for_each([&](int i, int j, T(&sum)[Irreps::sums]) {
    const auto to = IrrepPosition::of(p.product, place.group, place.column + j);
    if (to.in >= 0 && place.field + i < p.product.out_fields)
      write_output<Irreps>(p.product, to, place.group, place.field + i, sum, bias_or_null, out);
  });
}

/// The sums of the transformed filters over the positions [piece length, piece length + length), to
/// partial [piece][group][value][field][row (c, w)].
template <class Tile>
__global__ __launch_bounds__(irrep_threads, Tile::blocks_at_least) void irrep_filter_gradient(
    IrrepConvolution p, const typename Tile::Element* in, const typename Tile::Element* out_gradient,
    std::int32_t length, typename Tile::Element* partial) {
  using Irreps = typename Tile::Irreps;
  using T = typename Tile::Element;
  using Stage = IrrepGradientStage<Tile>;
  constexpr int step_positions = Stage::rows * Tile::per_word;
  auto* stages = dynamic_shared<Stage>();
  auto* table = reinterpret_cast<GatheredEntry*>(stages + 2);
  const auto thread = static_cast<std::int32_t>(threadIdx.x);
  for (std::int32_t i = thread; i < p.taps * Irreps::order; i += irrep_threads) table[i] = p.reads[i].place;
  __syncthreads();
  const auto place = IrrepPlace<Tile>::of_block(p.product, p.depth());
  const std::int32_t begin = place.piece * length, left = p.positions() - begin;
  const std::int32_t count = left < length ? left : length;
  // Neighbouring threads take neighbouring positions of one row or field.
  constexpr int lines = irrep_threads / Stage::rows;
  const int row = thread % Stage::rows;
  Tile tile;
  const std::int32_t steps = (count + step_positions - 1) / step_positions;
  add_irrep_steps<true>(steps, p.product.out_fields - place.field, stages, tile, [&](std::int32_t step, Stage& to) {
    IrrepPosition position[Tile::per_word];
    SIM_UNROLL
    for (int j = 0; j < Tile::per_word; ++j) {
      const std::int32_t at = (step * Stage::rows + row) * Tile::per_word + j;
      if (at < count) position[j] = IrrepPosition::of(p.product, place.group, begin + at);
    }
    T value[Tile::per_word][Irreps::order];
    SIM_UNROLL
    for (int i = 0; i < Tile::columns / lines; ++i) {
      const int column = thread / Stage::rows + i * lines;
      SIM_UNROLL
      for (int j = 0; j < Tile::per_word; ++j)
        transformed_input<Irreps>(
            p, in, [&](std::int32_t at) { return table[at]; }, position[j], place.column + column, value[j]);
      SIM_UNROLL
      for (int k = 0; k < Irreps::order; ++k)
        to.of_columns[row][k * Tile::columns + column] = Tile::pack(value[0][k], value[Tile::per_word - 1][k]);
    }
    SIM_UNROLL
    for (int i = 0; i < (Tile::fields + lines - 1) / lines; ++i) {
      const int field = thread / Stage::rows + i * lines;
      if (field >= Tile::fields) break;
      SIM_UNROLL
      for (int j = 0; j < Tile::per_word; ++j)
        transformed_output<Irreps>(p.product, out_gradient, position[j], place.field + field, value[j]);
      SIM_UNROLL
      for (int k = 0; k < Irreps::order; ++k)
        to.of_fields[row][k * Tile::fields + field] = Tile::pack(value[0][k], value[Tile::per_word - 1][k]);
    }
  });
  tile.for_each([&](int i, int j, T(&sum)[Irreps::sums]) {
    const std::int32_t field = place.field + i, d = place.column + j;
    if (field >= p.product.out_fields || d >= p.depth()) return;
    const std::int64_t first_value = (std::int64_t{place.piece} * p.product.groups + place.group) * Irreps::filters;
    SIM_UNROLL
    for (int k = 0; k < Irreps::filters; ++k)
      partial[((first_value + k) * p.product.out_fields + field) * p.depth() + d] = sum[k];
  });
}

/// The filter gradient from the pieces, added in order. A thread a field and row.
template <class Irreps, class T>
__global__ void sum_irrep_pieces(IrrepConvolution p, std::int32_t pieces, const T* partial, T* filter_gradient) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const auto d = static_cast<std::int32_t>(i % p.depth()), field = static_cast<std::int32_t>(i / p.depth());
  const std::int32_t fields = p.product.out_fields, group = field / fields;
  if (group >= p.product.groups) return;
  const std::int64_t value_size = std::int64_t{fields} * p.depth();
  const std::int64_t piece_size = p.product.groups * Irreps::filters * value_size;
  const T* from = partial + group * Irreps::filters * value_size + std::int64_t{field % fields} * p.depth() + d;
  T sum[Irreps::filters] = {};
  for (std::int32_t piece = 0; piece < pieces; ++piece) {
    SIM_UNROLL
    for (int k = 0; k < Irreps::filters; ++k) sum[k] += from[piece * piece_size + k * value_size];
  }
  write_filter_entries<Irreps>(p, std::int64_t{field} * p.product.in_fields + d / p.taps, d % p.taps, sum,
                               filter_gradient);
}

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
