// One block's tile of a matrix product on tensor cores: operands are floats in shared memory, rounded to tf32, bfloat16
// or float16 on their way into the registers of mma.sync; the sums are float. A Result for multiply_tile.
#pragma once

#include "kernels/cuda/mma.hpp"
#include "kernels/gemm/register_tile.hpp"
#include "kernels/half.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

/// The 16 x 32 sums of one warp out of eight (4 x 2 over the tile).
template <Precision precision>
struct TensorCoreTile {
  static constexpr int columns = 4;  // tiles of 8 columns
  static constexpr int blocks_at_least = 2;
  // A fragment is read at four depths, neighbours or every second, and eight rows: they lie in 32 different banks.
  static constexpr int padding = precision == Precision::tf32 ? 8 : 4;
  float sum[columns][4] = {};

  static __device__ int warp_row() { return static_cast<int>(threadIdx.x) / warp_size % 4 * 16; }
  static __device__ int warp_column() { return static_cast<int>(threadIdx.x) / warp_size / 4 * 32; }

  __device__ void add(const OperandTile<float, padding>& a, const OperandTile<float, padding>& b) {
    if constexpr (precision == Precision::tf32)
      add_tf32(a, b);
    else
      add_half(a, b);
  }

  /// visit(row in the tile, column in the tile, sum) for the sums of this thread.
  template <class Visit>
  __device__ void for_each(Visit&& visit) const {
    const int lane = static_cast<int>(threadIdx.x) % warp_size;
    SIM_UNROLL
    for (int j = 0; j < columns; ++j) {
      SIM_UNROLL
      for (int i = 0; i < 4; ++i)
        visit(warp_row() + lane / 4 + i / 2 * 8, warp_column() + 8 * j + lane % 4 * 2 + i % 2, sum[j][i]);
    }
  }

 private:
  __device__ void add_tf32(const OperandTile<float, padding>& a, const OperandTile<float, padding>& b) {
    const int lane = static_cast<int>(threadIdx.x) % warp_size, d = lane % 4;
    const int row = warp_row() + lane / 4, column = warp_column() + lane / 4;
    SIM_UNROLL
    for (int depth = 0; depth < tile_depth; depth += 8) {
      const float from_a[4] = {a.at[depth + d][row], a.at[depth + d][row + 8], a.at[depth + d + 4][row],
                               a.at[depth + d + 4][row + 8]};
      SIM_UNROLL
      for (int j = 0; j < columns; ++j) {
        const float from_b[2] = {b.at[depth + d][column + 8 * j], b.at[depth + d + 4][column + 8 * j]};
        mma_m16n8k8_tf32(sum[j], from_a, from_b);
      }
    }
  }

  /// Two neighbours along the depth in one register.
  static __device__ std::uint32_t pair(const OperandTile<float, padding>& tile, int depth, int i) {
    if constexpr (precision == Precision::bfloat16)
      return pack_bf16(tile.at[depth][i], tile.at[depth + 1][i]);
    else
      return pack_f16(tile.at[depth][i], tile.at[depth + 1][i]);
  }

  __device__ void add_half(const OperandTile<float, padding>& a, const OperandTile<float, padding>& b) {
    static_assert(tile_depth == 16);
    const int lane = static_cast<int>(threadIdx.x) % warp_size, d = lane % 4 * 2;
    const int row = warp_row() + lane / 4, column = warp_column() + lane / 4;
    const std::uint32_t from_a[4] = {pair(a, d, row), pair(a, d, row + 8), pair(a, d + 8, row),
                                     pair(a, d + 8, row + 8)};
    SIM_UNROLL
    for (int j = 0; j < columns; ++j) {
      const std::uint32_t from_b[2] = {pair(b, d, column + 8 * j), pair(b, d + 8, column + 8 * j)};
      if constexpr (precision == Precision::bfloat16)
        mma_m16n8k16_bf16(sum[j], from_a, from_b);
      else
        mma_m16n8k16_f16(sum[j], from_a, from_b);
    }
  }
};

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
