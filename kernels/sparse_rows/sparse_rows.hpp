// Rows by index, and a sparse matrix in compressed rows (CSR) times dense rows, which is also every sum by index:
//   take:        y[o, k, i] = x[o, index[k], i]
//   product:     y[o, r, i] = sum_{offset[r] <= k < offset[r + 1]} value[slot[k]] x[o, column[k], i]
//   arg_extreme: p[o, r, i] = the column[k] of row r with the largest (smallest) x[o, column[k], i]
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// x [outer, size, inner], index [picks], y [outer, picks, inner]. An index is in [0, size), or negative: then y is 0.
struct TakeRowsProblem {
  std::int64_t outer = 0;
  std::int64_t size = 0;
  std::int64_t picks = 0;
  std::int64_t inner = 1;

  ORBITGRAD_HOST_DEVICE std::int64_t output_count() const { return outer * picks * inner; }
};

/// x [outer, columns, inner], y [outer, rows, inner], offset [rows + 1] ascending from 0 to entries, column and slot
/// [entries].
struct SparseRowsProblem {
  std::int64_t outer = 0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t inner = 1;
  std::int64_t entries = 0;
  bool minimum = false;  // of arg_extreme

  ORBITGRAD_HOST_DEVICE std::int64_t output_count() const { return outer * rows * inner; }
};

/// Whether `value` takes the place of `best`: strictly better, or the first NaN.
template <class T>
ORBITGRAD_HOST_DEVICE bool beats(bool minimum, T value, T best) {
  return best == best && ((minimum ? value < best : value > best) || value != value);
}

template <class T>
struct TakeRows {
  using Problem = TakeRowsProblem;
  using Launch = void(const Problem&, const T* x, const std::int64_t* index, T* y);
  static constexpr std::string_view name = "sparse_rows.take";
};

/// slot null: slot[k] = k. value null: every value is 1. Sums are made in double, in order of k on the cpu.
template <class T>
struct SparseProduct {
  using Problem = SparseRowsProblem;
  using Launch = void(const Problem&, const std::int64_t* offset, const std::int64_t* column,
                      const std::int64_t* slot_or_null, const T* value_or_null, const T* x, T* y);
  static constexpr std::string_view name = "sparse_rows.product";
};

/// The first of equal ones and the first NaN win; -1 where a row has no entry.
template <class T>
struct SparseArgExtreme {
  using Problem = SparseRowsProblem;
  using Launch = void(const Problem&, const std::int64_t* offset, const std::int64_t* column, const T* x,
                      std::int64_t* position);
  static constexpr std::string_view name = "sparse_rows.arg_extreme";
};

namespace cpu {

template <class T>
void take_rows(const TakeRowsProblem& problem, const T* x, const std::int64_t* index, T* y);

template <class T>
void sparse_product(const SparseRowsProblem& problem, const std::int64_t* offset, const std::int64_t* column,
                    const std::int64_t* slot_or_null, const T* value_or_null, const T* x, T* y);

template <class T>
void sparse_arg_extreme(const SparseRowsProblem& problem, const std::int64_t* offset, const std::int64_t* column,
                        const T* x, std::int64_t* position);

}  // namespace cpu
}  // namespace orbitgrad::kernels
