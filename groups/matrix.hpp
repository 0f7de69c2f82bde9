// Small dense matrices, row-major, real or complex: what the algebra of groups is written in. Large things (tensor
// powers) never become one of these; see lazy_tensor.hpp.
#pragma once

#include <cmath>
#include <complex>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "groups/error.hpp"

namespace orbitgrad::groups {

using Complex = std::complex<double>;

template <class T>
struct MatrixOf {
  std::int64_t rows = 0, cols = 0;
  std::vector<T> values;  // [rows, cols]

  MatrixOf() = default;
  MatrixOf(std::int64_t row_count, std::int64_t col_count)
      : rows(row_count), cols(col_count), values(static_cast<std::size_t>(row_count * col_count)) {}
  MatrixOf(std::int64_t row_count, std::int64_t col_count, std::vector<T> entries)
      : rows(row_count), cols(col_count), values(std::move(entries)) {
    require(static_cast<std::int64_t>(values.size()) == rows * cols, "MatrixOf",
            "{} values for [{}, {}]. Give rows * cols of them.", values.size(), rows, cols);
  }
  static MatrixOf identity(std::int64_t n) {
    MatrixOf result(n, n);
    for (std::int64_t i = 0; i < n; ++i) result(i, i) = T(1);
    return result;
  }

  T& operator()(std::int64_t i, std::int64_t j) { return values[static_cast<std::size_t>(i * cols + j)]; }
  const T& operator()(std::int64_t i, std::int64_t j) const { return values[static_cast<std::size_t>(i * cols + j)]; }
  bool is_square() const { return rows == cols; }
};
using Matrix = MatrixOf<double>;
using ComplexMatrix = MatrixOf<Complex>;

inline double conjugate(double value) { return value; }
inline Complex conjugate(Complex value) { return std::conj(value); }

template <class T>
MatrixOf<T> operator*(const MatrixOf<T>& a, const MatrixOf<T>& b) {
  require(a.cols == b.rows, "matrix product", "[{}, {}] times [{}, {}]. Inner sizes must agree.", a.rows, a.cols,
          b.rows, b.cols);
  MatrixOf<T> result(a.rows, b.cols);
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t k = 0; k < a.cols; ++k) {
      const T left = a(i, k);
      if (left == T(0)) continue;
      for (std::int64_t j = 0; j < b.cols; ++j) result(i, j) += left * b(k, j);
    }
  return result;
}

/// first + factor * second.
template <class T>
MatrixOf<T> add_scaled(MatrixOf<T> first, T factor, const MatrixOf<T>& second) {
  require(first.rows == second.rows && first.cols == second.cols, "matrix sum", "[{}, {}] and [{}, {}]. Equal shapes.",
          first.rows, first.cols, second.rows, second.cols);
  for (std::size_t i = 0; i < first.values.size(); ++i) first.values[i] += factor * second.values[i];
  return first;
}
template <class T>
MatrixOf<T> operator+(const MatrixOf<T>& a, const MatrixOf<T>& b) {
  return add_scaled(a, T(1), b);
}
template <class T>
MatrixOf<T> operator-(const MatrixOf<T>& a, const MatrixOf<T>& b) {
  return add_scaled(a, T(-1), b);
}
template <class T>
MatrixOf<T> scaled(MatrixOf<T> matrix, T factor) {
  for (T& value : matrix.values) value *= factor;
  return matrix;
}

template <class T>
MatrixOf<T> transpose(const MatrixOf<T>& matrix) {
  MatrixOf<T> result(matrix.cols, matrix.rows);
  for (std::int64_t i = 0; i < matrix.rows; ++i)
    for (std::int64_t j = 0; j < matrix.cols; ++j) result(j, i) = matrix(i, j);
  return result;
}
/// Conjugate transpose.
template <class T>
MatrixOf<T> adjoint(const MatrixOf<T>& matrix) {
  MatrixOf<T> result = transpose(matrix);
  for (T& value : result.values) value = conjugate(value);
  return result;
}
template <class T>
MatrixOf<T> kronecker(const MatrixOf<T>& a, const MatrixOf<T>& b) {
  MatrixOf<T> result(a.rows * b.rows, a.cols * b.cols);
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t j = 0; j < a.cols; ++j)
      for (std::int64_t k = 0; k < b.rows; ++k)
        for (std::int64_t l = 0; l < b.cols; ++l) result(i * b.rows + k, j * b.cols + l) = a(i, j) * b(k, l);
  return result;
}

template <class T>
T trace(const MatrixOf<T>& matrix) {
  T sum(0);
  for (std::int64_t i = 0; i < std::min(matrix.rows, matrix.cols); ++i) sum += matrix(i, i);
  return sum;
}
template <class T>
double frobenius_norm(const MatrixOf<T>& matrix) {
  double sum = 0;
  for (const T& value : matrix.values) sum += std::norm(value);
  return std::sqrt(sum);
}
template <class T>
double largest_entry(const MatrixOf<T>& matrix) {
  double largest = 0;
  for (const T& value : matrix.values) largest = std::max(largest, std::abs(value));
  return largest;
}

inline ComplexMatrix to_complex(const Matrix& matrix) {
  return {matrix.rows, matrix.cols, std::vector<Complex>(matrix.values.begin(), matrix.values.end())};
}
inline Matrix real_part(const ComplexMatrix& matrix) {
  Matrix result(matrix.rows, matrix.cols);
  for (std::size_t i = 0; i < result.values.size(); ++i) result.values[i] = matrix.values[i].real();
  return result;
}
/// The matrix in the scalars T: the real part of it, if T is real.
template <class T>
MatrixOf<T> in_scalars(const ComplexMatrix& matrix) {
  if constexpr (std::is_same_v<T, double>)
    return real_part(matrix);
  else
    return matrix;
}

}  // namespace orbitgrad::groups
