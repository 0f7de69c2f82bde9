#include "groups/linear_algebra.hpp"

#include <algorithm>

namespace orbitgrad::groups {

namespace {

template <class T>
void require_square(std::string_view op, const MatrixOf<T>& matrix) {
  require(matrix.is_square(), op, "the matrix is [{}, {}]. Give a square one.", matrix.rows, matrix.cols);
}

/// Gauss and Jordan with row exchanges: turns `matrix` into the identity and `right` into its inverse times `right`.
/// Returns the determinant, 0 as soon as a pivot is below `tolerance` of the largest entry.
template <class T>
T eliminate(MatrixOf<T> matrix, MatrixOf<T>& right, double tolerance) {
  const std::int64_t n = matrix.rows;
  const double scale = largest_entry(matrix);
  T determinant(1);
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k + 1; i < n; ++i)
      if (std::abs(matrix(i, k)) > std::abs(matrix(pivot, k))) pivot = i;
    if (std::abs(matrix(pivot, k)) <= tolerance * scale) return T(0);
    if (pivot != k) {
      for (std::int64_t j = 0; j < n; ++j) std::swap(matrix(k, j), matrix(pivot, j));
      for (std::int64_t j = 0; j < right.cols; ++j) std::swap(right(k, j), right(pivot, j));
      determinant = -determinant;
    }
    determinant *= matrix(k, k);
    const T reciprocal = T(1) / matrix(k, k);
    for (std::int64_t j = 0; j < n; ++j) matrix(k, j) *= reciprocal;
    for (std::int64_t j = 0; j < right.cols; ++j) right(k, j) *= reciprocal;
    for (std::int64_t i = 0; i < n; ++i) {
      const T factor = matrix(i, k);
      if (i == k || factor == T(0)) continue;
      for (std::int64_t j = k; j < n; ++j) matrix(i, j) -= factor * matrix(k, j);
      for (std::int64_t j = 0; j < right.cols; ++j) right(i, j) -= factor * right(k, j);
    }
  }
  return determinant;
}

/// Taylor's series of A / 2^s, squared s times.
template <class T>
MatrixOf<T> exponential_of(const MatrixOf<T>& matrix) {
  require_square("exponential", matrix);
  const double size = frobenius_norm(matrix);
  require(size < 1e4, "exponential", "a matrix of norm {:.1e}. The exponential would overflow.", size);
  const int squarings = size > 0.5 ? static_cast<int>(std::ceil(std::log2(size / 0.5))) : 0;
  const MatrixOf<T> small = scaled(matrix, T(std::ldexp(1.0, -squarings)));
  MatrixOf<T> term = MatrixOf<T>::identity(matrix.rows), sum = term;
  for (int k = 1; k <= 16; ++k) {
    term = scaled(term * small, T(1.0 / k));
    sum = sum + term;
  }
  for (int i = 0; i < squarings; ++i) sum = sum * sum;
  return sum;
}

/// The principal square root by the iteration of Denman and Beavers.
ComplexMatrix square_root(const ComplexMatrix& matrix) {
  ComplexMatrix root = matrix, reciprocal = ComplexMatrix::identity(matrix.rows);
  for (int step = 0; step < 60; ++step) {
    const ComplexMatrix next = scaled(root + inverse(reciprocal), Complex(0.5));
    reciprocal = scaled(reciprocal + inverse(root), Complex(0.5));
    const double change = largest_entry(next - root);
    root = next;
    if (change < 1e-15 * largest_entry(root)) break;
  }
  return root;
}

}  // namespace

template <class T>
MatrixOf<T> unitary_factor(const MatrixOf<T>& matrix) {
  require_square("unitary_factor", matrix);
  const std::int64_t n = matrix.rows;
  MatrixOf<T> columns = transpose(matrix);  // row i is column i
  for (std::int64_t i = 0; i < n; ++i) {
    const auto norm = [&] {
      double sum = 0;
      for (std::int64_t k = 0; k < n; ++k) sum += std::norm(columns(i, k));
      return std::sqrt(sum);
    };
    const double before = norm();
    for (int pass = 0; pass < 2; ++pass)  // Gram and Schmidt, twice is enough
      for (std::int64_t j = 0; j < i; ++j) {
        T overlap(0);
        for (std::int64_t k = 0; k < n; ++k) overlap += conjugate(columns(j, k)) * columns(i, k);
        for (std::int64_t k = 0; k < n; ++k) columns(i, k) -= overlap * columns(j, k);
      }
    const double size = norm();
    require(size > 1e-12 * before && size > 0, "unitary_factor", "the matrix is singular. Draw another one.");
    for (std::int64_t k = 0; k < n; ++k) columns(i, k) /= size;
  }
  return transpose(columns);
}

template <class T>
MatrixOf<T> inverse(const MatrixOf<T>& matrix) {
  require_square("inverse", matrix);
  MatrixOf<T> result = MatrixOf<T>::identity(matrix.rows);
  require(eliminate(matrix, result, 1e-14) != T(0), "inverse",
          "the matrix [{}, {}] is singular. Group elements are invertible.", matrix.rows, matrix.cols);
  return result;
}

Complex determinant(const ComplexMatrix& matrix) {
  require_square("determinant", matrix);
  ComplexMatrix nothing(matrix.rows, 0);
  return eliminate(matrix, nothing, 0);
}

ComplexMatrix exponential(const ComplexMatrix& matrix) { return exponential_of(matrix); }
Matrix exponential(const Matrix& matrix) { return exponential_of(matrix); }

ComplexMatrix logarithm(const ComplexMatrix& matrix) {
  require_square("logarithm", matrix);
  const ComplexMatrix one = ComplexMatrix::identity(matrix.rows);
  ComplexMatrix root = matrix;
  double factor = 1;
  for (; frobenius_norm(root - one) > 0.25; factor *= 2) {
    require(factor < 0x1p60, "logarithm", "square roots do not approach 1. The matrix has no principal logarithm.");
    root = square_root(root);
  }
  // log R = 2 (Z + Z^3 / 3 + Z^5 / 5 + ..) with Z = (R - 1)(R + 1)^-1.
  const ComplexMatrix z = (root - one) * inverse(root + one), square = z * z;
  ComplexMatrix power = z, sum = z;
  for (int k = 3; k <= 25; k += 2) {
    power = power * square;
    sum = add_scaled(std::move(sum), Complex(1.0 / k), power);
  }
  const ComplexMatrix result = scaled(std::move(sum), Complex(2 * factor));
  const double residual = largest_entry(exponential(result) - matrix) / largest_entry(matrix);
  require(residual < 1e-8, "logarithm", "exp(log(A)) misses A by {:.1e}. The matrix has no accurate logarithm.",
          residual);
  return result;
}

template MatrixOf<double> unitary_factor(const MatrixOf<double>&);
template MatrixOf<Complex> unitary_factor(const MatrixOf<Complex>&);
template MatrixOf<double> inverse(const MatrixOf<double>&);
template MatrixOf<Complex> inverse(const MatrixOf<Complex>&);

}  // namespace orbitgrad::groups
