// A sparse matrix times dense rows, y[r] = sum over the entries (r, c) of value x[c]: a graph's adjacency, or any other
// pattern, with values that may be learned.
#pragma once

#include <memory>

#include "engine/tensor.hpp"

namespace orbitgrad {

class RowGroups;

/// Where the entries of a sparse matrix [rows, columns] are, in the order in which they were given; a place given twice
/// counts twice. Immutable; copies share it. Sorting by row and by column is done once, when first needed.
class SparsePattern {
 public:
  /// COO: entry e lies at (row[e], column[e]). Both int64 [entries] on one device.
  static SparsePattern from_coordinates(const Tensor& row, const Tensor& column, std::int64_t rows,
                                        std::int64_t columns);
  /// CSR: row r has the entries offset[r] .. offset[r + 1] - 1. offset int64 [rows + 1] from 0 upwards to the number of
  /// entries, column int64 [entries].
  static SparsePattern from_rows(const Tensor& offset, const Tensor& column, std::int64_t columns);

  std::int64_t rows() const;
  std::int64_t columns() const;
  std::int64_t entries() const;
  DeviceKind device() const;
  /// Coordinates of the entries, int64 [entries].
  const Tensor& row() const;
  const Tensor& column() const;
  SparsePattern transposed() const;

 private:
  friend Tensor sparse_matmul(const SparsePattern& pattern, const Tensor& values, const Tensor& x);
  SparsePattern(std::shared_ptr<const RowGroups> by_row, std::shared_ptr<const RowGroups> by_column)
      : by_row_(std::move(by_row)), by_column_(std::move(by_column)) {}

  std::shared_ptr<const RowGroups> by_row_, by_column_;
};

/// values [entries], x [..., columns, features] -> [..., rows, features], all on the device of the pattern.
/// Differentiable in values and x; undefined values count as ones.
Tensor sparse_matmul(const SparsePattern& pattern, const Tensor& values, const Tensor& x);

}  // namespace orbitgrad
