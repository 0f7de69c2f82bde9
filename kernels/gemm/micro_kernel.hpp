// The register-blocked heart of the matrix product and of the orbit gather: a tile of `Rows` rows times two vectors of
// columns is kept in registers while the depth index runs in order,
//   c[i, j] += sum_d a[d, i] b[row_d, j],   row_d = d, or read from a table (the orbit gather's permutation).
// Several tables may share one a: `Sets` tiles run side by side so that one row alone keeps the machine busy.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "kernels/gemm/vector.hpp"

namespace orbitgrad::kernels::cpu {

/// Columns of a register tile.
template <class T>
inline constexpr int tile_columns = 2 * lanes<T>;
/// Most rows of a register tile: two accumulators a row, two vectors of b and one broadcast must fit.
inline constexpr int max_tile_rows = vector_registers == 32 ? 12 : 6;

/// Reads a [depth][Rows] and b rows of tile_columns elements; `table[set]` gives row_d / row times tile_columns already
/// applied: the offset of row d in b. Adds to c, whose rows are `c_row` apart and whose sets are `c_set` apart.
template <class T, int Sets, int Rows>
void gather_micro_kernel(std::int64_t depth, const T* a, const T* b, const std::int32_t* table, std::int64_t table_set,
                         T* c, std::int64_t c_row, std::int64_t c_set) {
  Vector<T> sum[Sets][Rows][2];
#pragma GCC unroll 8
  for (int set = 0; set < Sets; ++set)
#pragma GCC unroll 16
    for (int row = 0; row < Rows; ++row)
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) sum[set][row][half] = load(c + set * c_set + row * c_row + half * lanes<T>);
  for (std::int64_t d = 0; d < depth; ++d) {
#pragma GCC unroll 8
    for (int set = 0; set < Sets; ++set) {
      const T* b_row = b + table[set * table_set + d];
      const Vector<T> b0 = load(b_row), b1 = load(b_row + lanes<T>);
#pragma GCC unroll 16
      for (int row = 0; row < Rows; ++row) {
        const Vector<T> scale = broadcast(a[row]);
        sum[set][row][0] = multiply_add(scale, b0, sum[set][row][0]);
        sum[set][row][1] = multiply_add(scale, b1, sum[set][row][1]);
      }
    }
    a += Rows;
  }
#pragma GCC unroll 8
  for (int set = 0; set < Sets; ++set)
#pragma GCC unroll 16
    for (int row = 0; row < Rows; ++row)
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) store(c + set * c_set + row * c_row + half * lanes<T>, sum[set][row][half]);
}

/// The same with row_d = d: b has rows `b_row` apart. With from_zero it writes c and does not read it.
template <class T, int Rows>
void micro_kernel(std::int64_t depth, const T* a, const T* b, std::int64_t b_row, T* c, std::int64_t c_row,
                  bool from_zero) {
  if (depth <= 0) return;  // else g++ keeps a second copy of the sums for a loop that never runs
  Vector<T> sum[Rows][2];
#pragma GCC unroll 16
  for (int row = 0; row < Rows; ++row) {
    sum[row][0] = from_zero ? Vector<T>{} : load(c + row * c_row);
    sum[row][1] = from_zero ? Vector<T>{} : load(c + row * c_row + lanes<T>);
  }
  for (std::int64_t d = 0; d < depth; ++d) {
    const Vector<T> b0 = load(b), b1 = load(b + lanes<T>);
#pragma GCC unroll 16
    for (int row = 0; row < Rows; ++row) {
      const Vector<T> scale = broadcast(a[row]);
      sum[row][0] = multiply_add(scale, b0, sum[row][0]);
      sum[row][1] = multiply_add(scale, b1, sum[row][1]);
    }
    a += Rows;
    b += b_row;
  }
#pragma GCC unroll 16
  for (int row = 0; row < Rows; ++row) {
    store(c + row * c_row, sum[row][0]);
    store(c + row * c_row + lanes<T>, sum[row][1]);
  }
}

template <class T>
using MicroKernel = void(std::int64_t, const T*, const T*, std::int64_t, T*, std::int64_t, bool);

/// The micro-kernel of that many rows, 1..max_tile_rows.
template <class T>
MicroKernel<T>* micro_kernel_of(std::int64_t rows) {
  static constexpr auto kernels = []<int... index>(std::integer_sequence<int, index...>) {
    return std::array<MicroKernel<T>*, sizeof...(index)>{micro_kernel<T, index + 1>...};
  }
  (std::make_integer_sequence<int, max_tile_rows>());
  return kernels[static_cast<std::size_t>(rows - 1)];
}

template <class T>
using GatherKernel = void(std::int64_t, const T*, const T*, const std::int32_t*, std::int64_t, T*, std::int64_t,
                          std::int64_t);

/// The gather of one set of that many rows, 1..max_tile_rows.
template <class T>
GatherKernel<T>* gather_kernel_of(std::int64_t rows) {
  static constexpr auto kernels = []<int... index>(std::integer_sequence<int, index...>) {
    return std::array<GatherKernel<T>*, sizeof...(index)>{gather_micro_kernel<T, 1, index + 1>...};
  }
  (std::make_integer_sequence<int, max_tile_rows>());
  return kernels[static_cast<std::size_t>(rows - 1)];
}

}  // namespace orbitgrad::kernels::cpu
