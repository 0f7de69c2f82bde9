// The register-blocked heart of the filter gradient: a sum of outer products of a few input values with one or two
// vectors of output channels,
//   sum[i, lane] += sum_s sum_step x[row_s(i) + offset(step)] dy[s, step, lane].
// A vector holds one column for each of `lanes` channels or, so that few channels fill it too, two columns for half as
// many, or four for a quarter: lane 2 m + q is channel m at column 2 step + q.
#pragma once

#include <cstdint>

#include "kernels/gemm/vector.hpp"

namespace orbitgrad::kernels::cpu {

/// Input rows of a register tile: the taps of one plane of a 3x3 filter.
inline constexpr int outer_rows = 9;
/// Most vectors of a register tile: nine accumulators each, the vectors and one broadcast must fit.
inline constexpr int outer_vectors = vector_registers == 32 ? 2 : 1;

/// What one vector of dy moves as: T, or two columns of T together.
template <class T, int Columns>
using Element = std::conditional_t<Columns == 1, T, std::int64_t>;

/// Some columns of a row, at most 16 bytes, again and again.
template <class T, int Columns>
[[gnu::always_inline]] inline Vector<T> broadcast_columns(const T* from) {
  constexpr int bytes = Columns * static_cast<int>(sizeof(T));
  static_assert(Columns == 1 || bytes == 8 || bytes == 16);
  if constexpr (bytes <= 8) {
    Element<T, Columns> value;
    __builtin_memcpy(&value, from, sizeof(value));
    return reinterpret_cast<Vector<T>>(broadcast(value));
  } else {
#if defined(__AVX512F__)
    __m128i value;
    __builtin_memcpy(&value, from, sizeof(value));
    return reinterpret_cast<Vector<T>>(_mm512_maskz_broadcast_i32x4(0xffff, value));  // plain: g++ 12 warns
#else
    Vector<T> value;
    for (int i = 0; i < vector_bytes; i += bytes) __builtin_memcpy(reinterpret_cast<char*>(&value) + i, from, bytes);
    return value;
#endif
  }
}

/// dy: vector v of (s, step) at (v elements + s) steps + step; x: row i of s begins at row_offset[s * row_element + i].
/// Row i and vector v of the sum are at i sum_row + v lanes.
template <class T, int Vectors, int Columns>
void outer_micro_kernel(std::int64_t elements, std::int64_t steps, const std::int32_t* step_offset, const T* x,
                        const std::int32_t* row_offset, std::int64_t row_element, const T* dy, T* sum,
                        std::int64_t sum_row) {
  Vector<T> total[outer_rows][Vectors];
#pragma GCC unroll 9
  for (int i = 0; i < outer_rows; ++i)
#pragma GCC unroll 3
    for (int v = 0; v < Vectors; ++v) total[i][v] = load(sum + i * sum_row + v * lanes<T>);
  const std::int64_t next_vector = elements * steps * lanes<T>;
  for (std::int64_t s = 0; s < elements; ++s, row_offset += row_element) {
    const T* row[outer_rows];
#pragma GCC unroll 9
    for (int i = 0; i < outer_rows; ++i) row[i] = x + row_offset[i];
    for (std::int64_t step = 0; step < steps; ++step, dy += lanes<T>) {
      const std::int64_t offset = step_offset[step];
      Vector<T> right[Vectors];
#pragma GCC unroll 3
      for (int v = 0; v < Vectors; ++v) right[v] = load(dy + v * next_vector);
#pragma GCC unroll 9
      for (int i = 0; i < outer_rows; ++i) {
        const Vector<T> left = broadcast_columns<T, Columns>(row[i] + offset);
#pragma GCC unroll 3
        for (int v = 0; v < Vectors; ++v) total[i][v] = multiply_add(left, right[v], total[i][v]);
      }
    }
  }
#pragma GCC unroll 9
  for (int i = 0; i < outer_rows; ++i)
#pragma GCC unroll 3
    for (int v = 0; v < Vectors; ++v) store(sum + i * sum_row + v * lanes<T>, total[i][v]);
}

/// Lane m of the lower half: the sum of the lanes 2 m and 2 m + 1.
template <class T>
[[gnu::always_inline]] inline Vector<T> add_neighbours(Vector<T> value) {
  using Index = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  constexpr int n = lanes<T>;
  Vector<Index> even{};
  for (int j = 0; j < n; ++j) even[j] = static_cast<Index>(2 * j % n);
  return __builtin_shuffle(value, even) + __builtin_shuffle(value, even + 1);
}

}  // namespace orbitgrad::kernels::cpu
