// The register-blocked heart of the filter gradient: dot products of a few gradient rows with a few panel rows, summed
// over the output elements, whose panel rows are found through tables,
//   sum[i, j] += sum_s sum_column dy[s, i, column] panel[row_s(j), column].
#pragma once

#include <array>
#include <cstdint>

#include "kernels/gemm/vector.hpp"

namespace orbitgrad::kernels::cpu {

/// Fields and filter entries of a register tile for so many fields; their product is a multiple of 8.
struct DotShape {
  int fields, entries;
};
constexpr DotShape dot_shape(std::int64_t fields) {
  constexpr bool many = vector_registers == 32;
  if (fields == 1) return {1, 8};
  if (fields <= 3) return {2, many ? 8 : 4};
  return {4, many ? 6 : 2};
}

/// The pairwise sums of segments: lanes of `a` and `b` are read as segments of `Segment` lanes, of which the first half
/// is added to the second; the result holds those of `a`, then those of `b`.
template <int Segment, class V>
[[gnu::always_inline]] inline V fold_segments(V a, V b) {
  using T = std::remove_reference_t<decltype(a[0])>;
  using Index = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  typedef Index Indices __attribute__((vector_size(sizeof(V))));
  constexpr int n = static_cast<int>(sizeof(V) / sizeof(T)), half = Segment / 2;
  Indices low{}, high{};
  for (int j = 0; j < n; ++j) {
    low[j] = static_cast<Index>(j / half * Segment + j % half);
    high[j] = low[j] + half;
  }
  return __builtin_shuffle(a, b, low) + __builtin_shuffle(a, b, high);
}

/// total[i] += the sum of the lanes of value[i], for eight vectors at once.
template <class T>
[[gnu::always_inline]] inline void add_lane_sums(const Vector<T>* value, T* total) {
  constexpr int n = lanes<T>;
  if constexpr (n >= 8) {
    Vector<T> four[4], two[2];
    for (int i = 0; i < 4; ++i) four[i] = fold_segments<n>(value[2 * i], value[2 * i + 1]);
    for (int i = 0; i < 2; ++i) two[i] = fold_segments<n / 2>(four[2 * i], four[2 * i + 1]);
    const Vector<T> all = fold_segments<n / 4>(two[0], two[1]);
    alignas(64) T sums[n];
    store(sums, n == 8 ? all : fold_segments < n == 8 ? 8 : n / 8 > (all, all));
    for (int i = 0; i < 8; ++i) total[i] += sums[i];
  } else {
    for (int i = 0; i < 8; ++i) {
      T sum = value[i][0];
      for (int j = 1; j < n; ++j) sum += value[i][j];
      total[i] += sum;
    }
  }
}

/// dy: rows field_offset[i] + s dy_element of `columns` elements; panel: rows at row_offset[s * row_element + j].
template <class T, int Fields, int Entries>
void dot_micro_kernel(std::int64_t columns, std::int64_t elements, const T* dy, const std::int64_t* field_offset,
                      std::int64_t dy_element, const T* panel, const std::int32_t* row_offset, std::int64_t row_element,
                      T* total) {
  static_assert(Fields * Entries % 8 == 0);
  Vector<T> sum[Fields * Entries];
#pragma GCC unroll 24
  for (int i = 0; i < Fields * Entries; ++i) sum[i] = Vector<T>{};
  for (std::int64_t s = 0; s < elements; ++s) {
    const T* gradient[Fields];
    const T* row[Entries];
    for (int i = 0; i < Fields; ++i) gradient[i] = dy + s * dy_element + field_offset[i];
    for (int j = 0; j < Entries; ++j) row[j] = panel + row_offset[s * row_element + j];
    for (std::int64_t column = 0; column < columns; column += lanes<T>) {
      Vector<T> left[Fields];
#pragma GCC unroll 8
      for (int i = 0; i < Fields; ++i) left[i] = load(gradient[i] + column);
#pragma GCC unroll 8
      for (int j = 0; j < Entries; ++j) {
        const Vector<T> right = load(row[j] + column);
#pragma GCC unroll 8
        for (int i = 0; i < Fields; ++i) sum[i * Entries + j] = multiply_add(left[i], right, sum[i * Entries + j]);
      }
    }
  }
#pragma GCC unroll 3
  for (int i = 0; i < Fields * Entries; i += 8) add_lane_sums<T>(sum + i, total + i);
}

}  // namespace orbitgrad::kernels::cpu
