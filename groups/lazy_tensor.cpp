#include "groups/lazy_tensor.hpp"

#include <algorithm>

namespace orbitgrad::groups {

template <class T>
SparseMatrix<T>::SparseMatrix(const MatrixOf<T>& matrix) : size(matrix.rows) {
  for (std::int64_t i = 0; i < matrix.rows; ++i)
    for (std::int64_t j = 0; j < matrix.cols; ++j)
      if (matrix(i, j) != T(0))
        entries.push_back({static_cast<std::int32_t>(i), static_cast<std::int32_t>(j), matrix(i, j)});
}

template <class T>
SparseMatrix<T> SparseMatrix<T>::adjoint() const {
  SparseMatrix result = *this;
  for (Entry& entry : result.entries) entry = {entry.col, entry.row, conjugate(entry.value)};
  return result;
}

template <class T>
void add_along_axis(const SparseMatrix<T>& a, std::int64_t left, std::int64_t right, const T* x, T* y) {
  const std::int64_t block = a.size * right;
  if (right >= 8) {
    for (std::int64_t l = 0; l < left; ++l)
      for (const auto& [row, col, value] : a.entries) {
        const T* from = x + l * block + col * right;
        T* to = y + l * block + row * right;
        const T factor = value;
#pragma omp simd
        for (std::int64_t r = 0; r < right; ++r) to[r] += factor * from[r];
      }
    return;
  }
  // Short runs: one entry at a time over the whole tensor.
  for (const auto& [row, col, value] : a.entries)
    for (std::int64_t r = 0; r < right; ++r) {
      const T* from = x + col * right + r;
      T* to = y + row * right + r;
      for (std::int64_t l = 0; l < left; ++l) to[l * block] += value * from[l * block];
    }
}

template <class T>
void apply_each_axis(std::span<const SparseMatrix<T>> matrices, std::span<T> x, std::span<T> work) {
  std::int64_t left = 1, right = static_cast<std::int64_t>(x.size());
  for (const SparseMatrix<T>& matrix : matrices) {
    right /= matrix.size;
    std::ranges::fill(work, T(0));
    add_along_axis(matrix, left, right, x.data(), work.data());
    std::ranges::copy(work, x.begin());
    left *= matrix.size;
  }
}

template struct SparseMatrix<double>;
template struct SparseMatrix<Complex>;
template void add_along_axis(const SparseMatrix<double>&, std::int64_t, std::int64_t, const double*, double*);
template void add_along_axis(const SparseMatrix<Complex>&, std::int64_t, std::int64_t, const Complex*, Complex*);
template void apply_each_axis(std::span<const SparseMatrix<double>>, std::span<double>, std::span<double>);
template void apply_each_axis(std::span<const SparseMatrix<Complex>>, std::span<Complex>, std::span<Complex>);

}  // namespace orbitgrad::groups
