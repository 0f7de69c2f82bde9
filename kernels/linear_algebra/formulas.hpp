// The algorithms of linear_algebra.hpp on one matrix, for one thread or, where steps of a column are independent, for a
// team of threads that share the columns: `for (j = first + team.rank(); j < last; j += team.size())`, with a barrier
// between steps. All give the same bits, since no sum is ever split.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// Element (i, j) lies at data[(i columns + j) step]: step 1 is a matrix of its own, step `batch` lets neighbouring
/// threads, each with its own matrix, read neighbouring elements.
template <class T>
struct Matrix {
  T* data;
  std::int64_t columns;
  std::int64_t step = 1;

  ORBITGRAD_HOST_DEVICE T& operator()(std::int64_t i, std::int64_t j) const { return data[(i * columns + j) * step]; }
};

struct OneThread {
  ORBITGRAD_HOST_DEVICE std::int64_t rank() const { return 0; }
  ORBITGRAD_HOST_DEVICE std::int64_t size() const { return 1; }
  ORBITGRAD_HOST_DEVICE void synchronize() const {}
};

/// What elimination leaves of a determinant.
template <class T>
struct Pivots {
  bool is_singular = false;
  T value = 1, sign = 1, logarithm = 0;
};

#if defined(__CUDACC__)
#pragma nv_exec_check_disable
#endif
/// Brings the first n columns of m [n, columns] to upper triangular form; the others take part in every row operation.
template <class T, class Team>
ORBITGRAD_HOST_DEVICE Pivots<T> eliminate(Team team, std::int64_t n, Matrix<T> m) {
  Pivots<T> result;
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot_row = k;
    for (std::int64_t i = k + 1; i < n; ++i)
      if (std::abs(m(i, k)) > std::abs(m(pivot_row, k))) pivot_row = i;
    const T pivot = m(pivot_row, k);
    team.synchronize();  // everybody has found it
    if (pivot_row != k) {
      for (std::int64_t j = k + team.rank(); j < m.columns; j += team.size()) {
        const T upper = m(k, j);
        m(k, j) = m(pivot_row, j);
        m(pivot_row, j) = upper;
      }
      result.sign = -result.sign;
      result.value = -result.value;
    }
    team.synchronize();
    result.value *= pivot;
    result.sign = pivot < 0 ? -result.sign : pivot == 0 ? T(0) : result.sign * (pivot / pivot);
    result.logarithm += std::log(std::abs(pivot));
    if (pivot == 0) {
      result.is_singular = true;
      continue;
    }
    for (std::int64_t i = k + 1; i < n; ++i) {
      const T factor = m(i, k) / pivot;
      for (std::int64_t j = k + 1 + team.rank(); j < m.columns; j += team.size()) m(i, j) -= factor * m(k, j);
    }
    team.synchronize();
  }
  return result;
}

/// After eliminate: column j of the right side becomes the solution, for the columns of this thread.
template <class T, class Team>
ORBITGRAD_HOST_DEVICE void substitute_back(Team team, std::int64_t n, Matrix<T> m) {
  for (std::int64_t k = n; k-- > 0;) {
    for (std::int64_t j = n + team.rank(); j < m.columns; j += team.size()) m(k, j) /= m(k, k);
    for (std::int64_t i = 0; i < k; ++i)
      for (std::int64_t j = n + team.rank(); j < m.columns; j += team.size()) m(i, j) -= m(i, k) * m(k, j);
  }
}

#if defined(__CUDACC__)
#pragma nv_exec_check_disable
#endif
/// l in place of a; false if a pivot is not positive. The upper triangle becomes 0.
template <class T, class Team>
ORBITGRAD_HOST_DEVICE bool cholesky_in_place(Team team, std::int64_t n, Matrix<T> a) {
  bool is_definite = true;
  for (std::int64_t k = 0; k < n; ++k) {
    is_definite = is_definite && !(a(k, k) <= 0);
    const T root = std::sqrt(a(k, k));
    team.synchronize();  // everybody has read the pivot
    for (std::int64_t i = k + team.rank(); i < n; i += team.size()) a(i, k) = i == k ? root : a(i, k) / root;
    for (std::int64_t j = k + 1 + team.rank(); j < n; j += team.size()) a(k, j) = 0;
    team.synchronize();
    for (std::int64_t i = k + 1; i < n; ++i)
      for (std::int64_t j = k + 1 + team.rank(); j <= i; j += team.size()) a(i, j) -= a(i, k) * a(j, k);
    team.synchronize();
  }
  return is_definite;
}

/// Orthonormal columns in place of those of a [rows, a.columns]; false if they depend on each other. Projections are
/// taken off twice, which leaves no more than rounding (W. Gander, 1980).
template <class T>
ORBITGRAD_HOST_DEVICE bool gram_schmidt_in_place(std::int64_t rows, Matrix<T> a) {
  const auto product = [&](std::int64_t i, std::int64_t j) {
    T sum = 0;
    for (std::int64_t k = 0; k < rows; ++k) sum += a(k, i) * a(k, j);
    return sum;
  };
  bool is_independent = true;
  for (std::int64_t j = 0; j < a.columns; ++j) {
    const T before = std::sqrt(product(j, j));
    for (int pass = 0; pass < 2; ++pass)
      for (std::int64_t i = 0; i < j; ++i) {
        const T projection = product(i, j);
        for (std::int64_t k = 0; k < rows; ++k) a(k, j) -= projection * a(k, i);
      }
    const T length = std::sqrt(product(j, j));
    constexpr T tiny = 8 * std::numeric_limits<T>::epsilon();
    is_independent = is_independent && !(length <= tiny * before);
    for (std::int64_t k = 0; k < rows; ++k) a(k, j) /= length;
  }
  return is_independent;
}

/// Jacobi's rotations: each makes one pair of off-diagonal elements 0; a becomes diagonal, v the product of rotations.
template <class T>
ORBITGRAD_HOST_DEVICE void diagonalize(std::int64_t n, Matrix<T> a, Matrix<T> v) {
  constexpr int most_sweeps = 40;  // convergence is quadratic: about 6 for n = 16
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) v(i, j) = i == j ? T(1) : T(0);
  for (int sweep = 0; sweep < most_sweeps; ++sweep) {
    bool is_diagonal = true;
    for (std::int64_t p = 0; p < n; ++p)
      for (std::int64_t q = p + 1; q < n; ++q) {
        const T off = a(p, q), scale = std::abs(a(p, p)) + std::abs(a(q, q));
        if (off == 0 || scale + std::abs(off) == scale) continue;
        is_diagonal = false;
        const T theta = (a(q, q) - a(p, p)) / (2 * off);
        const T t = (theta < 0 ? T(-1) : T(1)) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        const T c = 1 / std::sqrt(t * t + 1), s = t * c;
        for (std::int64_t k = 0; k < n; ++k) {
          const T kp = a(k, p), kq = a(k, q);
          a(k, p) = c * kp - s * kq;
          a(k, q) = s * kp + c * kq;
        }
        for (std::int64_t k = 0; k < n; ++k) {
          const T pk = a(p, k), qk = a(q, k);
          a(p, k) = c * pk - s * qk;
          a(q, k) = s * pk + c * qk;
        }
        for (std::int64_t k = 0; k < n; ++k) {
          const T kp = v(k, p), kq = v(k, q);
          v(k, p) = c * kp - s * kq;
          v(k, q) = s * kp + c * kq;
        }
      }
    if (is_diagonal) break;
  }
}

/// Eigenvectors of a in v, by ascending eigenvalue, with their sign fixed. a is destroyed.
template <class T>
ORBITGRAD_HOST_DEVICE void symmetric_eigenvectors_of(std::int64_t n, Matrix<T> a, Matrix<T> v) {
  diagonalize(n, a, v);
  for (std::int64_t i = 0; i < n; ++i) {
    std::int64_t least = i;
    for (std::int64_t j = i + 1; j < n; ++j)
      if (a(j, j) < a(least, least)) least = j;
    const T value = a(least, least);
    a(least, least) = a(i, i);
    a(i, i) = value;
    std::int64_t largest = 0;
    for (std::int64_t k = 0; k < n; ++k) {
      const T component = v(k, least);
      v(k, least) = v(k, i);
      v(k, i) = component;
      if (std::abs(component) > std::abs(v(largest, i))) largest = k;
    }
    if (v(largest, i) < 0)
      for (std::int64_t k = 0; k < n; ++k) v(k, i) = -v(k, i);
  }
}

}  // namespace orbitgrad::kernels
