// Small matrices along one axis of a tensor: all that a tensor product of representations needs, in place of Kronecker
// products.
#pragma once

#include <span>
#include <vector>

#include "groups/matrix.hpp"

namespace orbitgrad::groups {

/// The entries of a matrix that are not zero.
template <class T>
struct SparseMatrix {
  struct Entry {
    std::int32_t row, col;
    T value;
  };
  std::int64_t size = 0;  // square
  std::vector<Entry> entries;

  explicit SparseMatrix(const MatrixOf<T>& matrix);
  [[nodiscard]] SparseMatrix adjoint() const;
};

/// y += A x along the axis of length A.size in the middle of x, y [left, A.size, right].
template <class T>
void add_along_axis(const SparseMatrix<T>& a, std::int64_t left, std::int64_t right, const T* x, T* y);

/// x -> (A_1 x .. x A_k) x for x [n_1 .. n_k]; `work` has the size of x.
template <class T>
void apply_each_axis(std::span<const SparseMatrix<T>> matrices, std::span<T> x, std::span<T> work);

}  // namespace orbitgrad::groups
