// A block's tile of irrep blocks in registers: fields x 64 columns of the sums of all blocks, each of 256 threads keeps
// 4 (double: 2) fields x 2 columns of them. A warp shares its fields, so that it reads the filter by broadcast and 32
// neighbouring columns.
#pragma once

#include <cmath>

#include "kernels/gemm/register_tile.hpp"
#include "kernels/group_conv2d/irrep_convolution.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

inline constexpr int irrep_threads = 256;

__device__ __forceinline__ void load_neighbours(const float* from, float (&to)[4]) { load_four(from, to); }
__device__ __forceinline__ void load_neighbours(const double* from, double (&to)[2]) {
  const auto values = load<double2>(from);
  to[0] = values.x, to[1] = values.y;
}

/// Every tile has these members. An operand lies in shared memory as rows of words; a word holds `per_word` consecutive
/// depths of one value. A row of the columns' operand is [value of the transform][column], a row of the fields'
/// operand [value][field].
template <class IrrepsOf, class T>
struct IrrepRegisterTile {
  using Irreps = IrrepsOf;
  using Element = T;
  using Word = T;
  static constexpr int thread_fields = sizeof(T) == 4 ? 4 : 2, thread_columns = 2;
  static constexpr int fields = irrep_threads / warp_size * thread_fields, columns = warp_size * thread_columns;
  static constexpr int per_word = 1;
  static constexpr int words = 4, gradient_words = 8;             // rows of the operands in shared memory at a time
  static constexpr int padding = 16 / sizeof(T);                  // of a row: spreads a column over the banks
  static constexpr int blocks_at_least = sizeof(T) == 4 ? 2 : 1;  // that shall fit a multiprocessor
  static_assert(Irreps::sums == Irreps::filters);

  T sum[Irreps::sums][thread_fields][thread_columns] = {};

  /// The word of `per_word` depths.
  static __device__ Word pack(T first, T /*last*/) { return first; }

  static __device__ int first_field() { return static_cast<int>(threadIdx.x) / warp_size * thread_fields; }
  static __device__ int first_column() { return static_cast<int>(threadIdx.x) % warp_size; }

  /// Adds the products of one row of operands, of the forward or of the filter gradient.
  template <bool gradient>
  __device__ __forceinline__ void add_row(const Word* of_columns, const Word* of_fields) {
    for_each_product<Irreps>([&](auto number) {
      constexpr IrrepProduct product = Irreps::products[number];
      constexpr int first = gradient ? product.image : product.filter, target = gradient ? product.filter : product.out;
      T column[thread_columns];
      SIM_UNROLL
      for (int j = 0; j < thread_columns; ++j)
        column[j] = of_columns[product.panel * columns + first_column() + j * warp_size];
      SIM_UNROLL
      for (int k = 0; k < product.width; ++k) {
        T field[thread_fields];
        load_neighbours(of_fields + (first + k) * fields + first_field(), field);
        SIM_UNROLL
        for (int i = 0; i < thread_fields; ++i) {
          SIM_UNROLL
          for (int j = 0; j < thread_columns; ++j)
            sum[target + k][i][j] = std::fma(column[j], field[i], sum[target + k][i][j]);
        }
      }
    });
  }
  /// Adds those of a step; the first `used` fields of the tile exist.
  template <bool gradient, class Stage>
  __device__ __forceinline__ void add(const Stage& stage, std::int32_t used) {
    if (first_field() >= used) return;
    SIM_UNROLL
    for (int row = 0; row < Stage::rows; ++row) add_row<gradient>(stage.of_columns[row], stage.of_fields[row]);
  }

  /// visit(field in the tile, column in the tile, sums) for each place of this thread.
  template <class Visit>
  __device__ void for_each(Visit&& visit) const {
    SIM_UNROLL
    for (int j = 0; j < thread_columns; ++j) {
      SIM_UNROLL
      for (int i = 0; i < thread_fields; ++i) {
        T value[Irreps::sums];
        SIM_UNROLL
        for (int k = 0; k < Irreps::sums; ++k) value[k] = sum[k][i][j];
        visit(first_field() + i, first_column() + j * warp_size, value);
      }
    }
  }
};

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
