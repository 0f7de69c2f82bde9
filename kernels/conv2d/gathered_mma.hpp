// The kernels of gathered_kernels.hpp on tensor cores: operands are rounded to the precision on their way into the
// registers, sums are float.
#pragma once

#include "kernels/conv2d/gathered_kernels.hpp"
#include "kernels/gemm/tensor_core_tile.hpp"
#include "kernels/rounded.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

template <Precision precision>
__global__ __launch_bounds__(tile_threads, 2) void gathered_mma(GatheredProduct p, const float* in, const float* filter,
                                                                const float* bias_or_null, float* out) {
  auto* table = dynamic_shared<GatheredEntry>();
  write_gathered_table(p, table);
  __syncthreads();
  const auto place = GatheredTile::of_block(p, p.out_columns());
  const std::int32_t depth = p.in_fields * p.depth(), first_field = place.group * p.out_fields;
  const MatrixOperand<float> weights{filter + std::int64_t{first_field} * depth, p.out_fields, depth, depth, 1};
  const GatheredColumns<float> columns{{p, in, table, place.group}};
  using Tile = TensorCoreTile<precision>;
  Tile tile;
  multiply_tile_async<float, Tile::padding>(weights, columns, place.row, place.column, 0, depth, tile);
  const std::int32_t field_size = p.out_elements * p.out_positions();
  tile.for_each([&](int i, int j, float sum) {
    const std::int32_t field = place.row + i, column = place.column + j;
    if (field >= p.out_fields || column >= p.out_columns()) return;
    const std::int64_t image = std::int64_t{column / field_size} * p.groups * p.out_fields;
    const float bias = bias_or_null == nullptr ? 0.0f : bias_or_null[first_field + field];
    out[(image + first_field + field) * field_size + column % field_size] = sum + bias;
  });
}

/// dw of the outputs [piece length, piece length + length), to partial[piece].
template <Precision precision>
__global__ __launch_bounds__(tile_threads, 2) void gathered_filter_mma(GatheredProduct p, const float* in,
                                                                       const float* out_gradient, std::int32_t length,
                                                                       float* partial) {
  auto* table = dynamic_shared<GatheredEntry>();
  write_gathered_table(p, table);
  __syncthreads();
  const std::int32_t depth = p.in_fields * p.depth();
  const auto place = GatheredTile::of_block(p, depth);
  const GatheredOutputs<float> gradients{p, out_gradient, place.group};
  const GatheredRows<float> inputs{{p, in, table, place.group}};
  const std::int32_t begin = place.piece * length, left = p.out_columns() - begin;
  using Tile = TensorCoreTile<precision>;
  Tile tile;
  multiply_tile_async<float, Tile::padding>(gradients, inputs, place.row, place.column, begin,
                                            begin + (left < length ? left : length), tile);
  const std::int64_t first_row = (std::int64_t{place.piece} * p.groups + place.group) * p.out_fields;
  tile.for_each([&](int i, int j, float sum) {
    const std::int32_t field = place.row + i, column = place.column + j;
    if (field < p.out_fields && column < depth) partial[(first_row + field) * depth + column] = sum;
  });
}

/// Calls function(constant) with the precision as a type; it is not float32.
template <class Function>
void with_precision(Precision precision, Function&& function) {
  switch (precision) {
    case Precision::bfloat16:
      return function(std::integral_constant<Precision, Precision::bfloat16>());
    case Precision::float16:
      return function(std::integral_constant<Precision, Precision::float16>());
    default:
      return function(std::integral_constant<Precision, Precision::tf32>());
  }
}

inline void launch_gathered_mma(std::string_view name, Precision precision, const GatheredProduct& p, const float* in,
                                const float* filter, const float* bias_or_null, float* out) {
  with_precision(precision, [&](auto constant) {
    launch_gathered_product(name, gathered_mma<decltype(constant)::value>, p, in, filter, bias_or_null, out);
  });
}
inline void launch_gathered_filter_mma(std::string_view name, Precision precision, const GatheredProduct& p,
                                       const float* in, const float* out_gradient, float* filter_gradient) {
  with_precision(precision, [&](auto constant) {
    launch_gathered_filter_gradient(name, gathered_filter_mma<decltype(constant)::value>, p, in, out_gradient,
                                    filter_gradient);
  });
}

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
