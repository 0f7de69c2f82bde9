// A block's tile of irrep blocks on tensor cores: as irrep_register_tile.hpp, but the values of the transforms are
// rounded to tf32 or bfloat16 and multiplied by mma.sync; the sums are float. A warp keeps 16 fields x 16 columns of
// the sums of all blocks. A word of bfloat16 holds two neighbours along the depth, as mma takes them.
#pragma once

#include "kernels/cuda/mma.hpp"
#include "kernels/group_conv2d/irrep_register_tile.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

/// precision: tf32 or bfloat16.
template <class IrrepsOf, Precision precision>
struct IrrepTensorCoreTile {
  using Irreps = IrrepsOf;
  using Element = float;
  using Word = std::conditional_t<precision == Precision::tf32, float, std::uint32_t>;
  static constexpr int fields = 32, columns = 64;
  static constexpr int per_word = precision == Precision::tf32 ? 1 : 2;
  static constexpr int words = 8, gradient_words = 8;
  static constexpr int padding = 8;  // a fragment is four rows of eight words: they lie in 32 different banks
  static constexpr int blocks_at_least = 2;
  static constexpr int warp_columns = 2;  // tiles of 8 columns
  static_assert(Irreps::sums == Irreps::filters);

  float sum[Irreps::sums][warp_columns][4] = {};

  static __device__ Word pack(float first, [[maybe_unused]] float last) {
    if constexpr (per_word == 1)
      return first;
    else
      return pack_bf16(first, last);
  }

  static __device__ int warp() { return static_cast<int>(threadIdx.x) / warp_size; }
  static __device__ int lane() { return static_cast<int>(threadIdx.x) % warp_size; }
  static __device__ int first_field() { return warp() % 2 * 16; }
  static __device__ int first_column() { return warp() / 2 * (8 * warp_columns); }

  /// Adds the products of a step, of the forward or of the filter gradient; the first `used` fields of the tile exist.
  template <bool gradient, class Stage>
  __device__ __forceinline__ void add(const Stage& stage, std::int32_t used) {
    static_assert(Stage::rows == 8);
    if (first_field() >= used) return;
    const int row = lane() % 4, field = first_field() + lane() / 4, column = first_column() + lane() / 4;
    for_each_product<Irreps>([&](auto number) {
      constexpr IrrepProduct product = Irreps::products[number];
      constexpr int first = gradient ? product.image : product.filter, target = gradient ? product.filter : product.out;
      Word of_columns[warp_columns][2];
      SIM_UNROLL
      for (int j = 0; j < warp_columns; ++j) {
        SIM_UNROLL
        for (int i = 0; i < 2; ++i)
          of_columns[j][i] = stage.of_columns[row + 4 * i][product.panel * columns + column + 8 * j];
      }
      SIM_UNROLL
      for (int k = 0; k < product.width; ++k) {
        Word of_fields[4];
        SIM_UNROLL
        for (int i = 0; i < 4; ++i)
          of_fields[i] = stage.of_fields[row + i / 2 * 4][(first + k) * fields + field + i % 2 * 8];
        SIM_UNROLL
        for (int j = 0; j < warp_columns; ++j) {
          if constexpr (per_word == 1)
            mma_m16n8k8_tf32(sum[target + k][j], of_fields, of_columns[j]);
          else
            mma_m16n8k16_bf16(sum[target + k][j], of_fields, of_columns[j]);
        }
      }
    });
  }

  /// visit(field in the tile, column in the tile, sums) for each place of this thread.
  template <class Visit>
  __device__ void for_each(Visit&& visit) const {
    SIM_UNROLL
    for (int j = 0; j < warp_columns; ++j) {
      SIM_UNROLL
      for (int i = 0; i < 4; ++i) {
        float value[Irreps::sums];
        SIM_UNROLL
        for (int k = 0; k < Irreps::sums; ++k) value[k] = sum[k][j][i];
        visit(first_field() + lane() / 4 + i / 2 * 8, first_column() + 8 * j + lane() % 4 * 2 + i % 2, value);
      }
    }
  }
};

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
