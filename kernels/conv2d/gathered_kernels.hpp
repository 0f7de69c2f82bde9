// The kernels of gathered_product.hpp: the product in tiles of 64 fields by 64 outputs, and its gradient by the filter,
// which sums over pieces of the outputs and then over the pieces, in order. Tile: where a block keeps its sums, in
// registers of T (RegisterTile) or of tensor cores, which round the operands on their way (TensorCoreTile).
#pragma once

#include "kernels/conv2d/gathered_product.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

/// Which tile a block computes: tiles of one column of tiles follow each other, so that they share the gathered
/// operand.
struct GatheredTile {
  std::int32_t piece, group, row, column;

  static std::int64_t blocks(const GatheredProduct& p, std::int32_t columns) {
    return std::int64_t{p.groups} * tiles(p.out_fields) * tiles(columns);
  }
  __device__ static GatheredTile of_block(const GatheredProduct& p, std::int32_t columns) {
    const std::int32_t down = tiles(p.out_fields), in_group = down * tiles(columns);
    const auto block = static_cast<std::int32_t>(blockIdx.x);
    const std::int32_t tile = block % in_group;
    return {block / in_group / p.groups, block / in_group % p.groups, tile % down * tile_edge, tile / down * tile_edge};
  }
  ORBITGRAD_HOST_DEVICE static std::int32_t tiles(std::int32_t size) { return (size + tile_edge - 1) / tile_edge; }
};

template <class T, class Tile = RegisterTile<T>>
__global__ __launch_bounds__(tile_threads, Tile::blocks_at_least) void gathered_product(GatheredProduct p, const T* in,
                                                                                        const T* filter,
                                                                                        const T* bias_or_null, T* out) {
  auto* table = dynamic_shared<GatheredEntry>();
  write_gathered_table(p, table);
  __syncthreads();
  const auto place = GatheredTile::of_block(p, p.out_columns());
  const std::int32_t depth = p.in_fields * p.depth(), first_field = place.group * p.out_fields;
  const MatrixOperand<T> weights{filter + std::int64_t{first_field} * depth, p.out_fields, depth, depth, 1};
  const GatheredColumns<T> columns{{p, in, table, place.group}};
  Tile tile;
  multiply_tile_async<T, Tile::padding>(weights, columns, place.row, place.column, 0, depth, tile);
  const std::int32_t field_size = p.out_elements * p.out_positions();
  tile.for_each([&](int i, int j, T sum) {
    const std::int32_t field = place.row + i, column = place.column + j;
    if (field >= p.out_fields || column >= p.out_columns()) return;
    const std::int64_t image = std::int64_t{column / field_size} * p.groups * p.out_fields;
    const T bias = bias_or_null == nullptr ? T{0} : bias_or_null[first_field + field];
    out[(image + first_field + field) * field_size + column % field_size] = p.result(sum, bias);
  });
}

/// dw of the outputs [piece length, piece length + length), to partial[piece].
template <class T, class Tile = RegisterTile<T>>
__global__ __launch_bounds__(tile_threads,
                             Tile::blocks_at_least) void gathered_filter_gradient(GatheredProduct p, const T* in,
                                                                                  const T* out_gradient,
                                                                                  std::int32_t length, T* partial) {
  auto* table = dynamic_shared<GatheredEntry>();
  write_gathered_table(p, table);
  __syncthreads();
  const std::int32_t depth = p.in_fields * p.depth();
  const auto place = GatheredTile::of_block(p, depth);
  const GatheredOutputs<T> gradients{p, out_gradient, place.group};
  const GatheredRows<T> inputs{{p, in, table, place.group}};
  const std::int32_t begin = place.piece * length, left = p.out_columns() - begin;
  Tile tile;
  multiply_tile_async<T, Tile::padding>(gradients, inputs, place.row, place.column, begin,
                                        begin + (left < length ? left : length), tile);
  const std::int64_t first_row = (std::int64_t{place.piece} * p.groups + place.group) * p.out_fields;
  tile.for_each([&](int i, int j, T sum) {
    const std::int32_t field = place.row + i, column = place.column + j;
    if (field < p.out_fields && column < depth) partial[(first_row + field) * depth + column] = sum;
  });
}

/// result[i] = sum over the pieces, in order.
template <class T>
__global__ void sum_pieces(std::int64_t size, std::int32_t pieces, const T* partial, T* result) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i >= size) return;
  T sum = partial[i];
  for (std::int32_t piece = 1; piece < pieces; ++piece) sum += partial[piece * size + i];
  result[i] = sum;
}

template <class T>
using GatheredProductKernel = void(GatheredProduct, const T* in, const T* filter, const T* bias_or_null, T* out);
template <class T>
using GatheredFilterKernel = void(GatheredProduct, const T* in, const T* out_gradient, std::int32_t length, T* partial);

/// The product; bias null: none.
template <class T>
void launch_gathered_product(std::string_view name, GatheredProductKernel<T>* kernel, GatheredProduct p, const T* in,
                             const T* filter, const T* bias_or_null, T* out) {
  if (p.in_plane() == 0) p.in_fields = 0;
  const std::int64_t blocks = GatheredTile::blocks(p, p.out_columns());
  if (blocks == 0) return;
  launch(name, kernel,
         {.grid = static_cast<unsigned>(blocks),
          .block = tile_threads,
          .shared_bytes = static_cast<std::size_t>(p.table_bytes())},
         p, in, filter, bias_or_null, out);
}

/// The gradient of <out_gradient, out> by the filter. The number of pieces depends on the problem alone.
template <class T>
void launch_gathered_filter_gradient(std::string_view name, GatheredFilterKernel<T>* kernel, const GatheredProduct& p,
                                     const T* in, const T* out_gradient, T* filter_gradient) {
  constexpr std::int32_t shortest = 1024, most_pieces = 64;
  const std::int64_t size = p.filter_size(), blocks = GatheredTile::blocks(p, p.in_fields * p.depth());
  if (size == 0) return;
  const std::int32_t columns = p.out_columns();
  const std::int32_t length = std::max(shortest, (columns + most_pieces - 1) / most_pieces);
  const std::int32_t pieces = std::max(1, (columns + length - 1) / length);
  const Scratch scratch(pieces > 1 ? pieces * size * static_cast<std::int64_t>(sizeof(T)) : 0);
  T* partial = pieces > 1 ? scratch.as<T>() : filter_gradient;
  launch(name, kernel,
         {.grid = static_cast<unsigned>(blocks * pieces),
          .block = tile_threads,
          .shared_bytes = static_cast<std::size_t>(p.table_bytes())},
         p, in, out_gradient, length, partial);
  if (pieces > 1)
    launch("conv2d/sum_pieces", sum_pieces<T>, {.grid = blocks_for(size, 128), .block = 128}, size, pieces, partial,
           filter_gradient);
}

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
