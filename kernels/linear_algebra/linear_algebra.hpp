// Dense linear algebra on batches of small matrices, row-major: linear systems and determinants by elimination with
// partial pivoting, Gram-Schmidt, Cholesky, and symmetric eigenvectors by Jacobi's rotations. Formulas: formulas.hpp.
#pragma once

#include <cstdint>
#include <string_view>

namespace orbitgrad::kernels {

/// `batch` matrices [rows, columns]; right: columns of the right side of a linear system.
struct MatrixProblem {
  std::int64_t batch = 0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t right = 0;
};

/// a x = b: a [n, n], b and x [n, right]. is_singular [batch]: 1 where a pivot is 0, and then x is not to be used.
template <class T>
struct SolveLinear {
  using Problem = MatrixProblem;
  using Launch = void(const Problem&, const T* a, const T* b, T* x, std::int64_t* is_singular);
  static constexpr std::string_view name = "linear_algebra.solve";
};

/// value, sign and log |value| of the determinant of each a [n, n].
template <class T>
struct Determinant {
  using Problem = MatrixProblem;
  using Launch = void(const Problem&, const T* a, T* value, T* sign, T* logarithm);
  static constexpr std::string_view name = "linear_algebra.determinant";
};

/// Orthonormal columns q [rows, columns] that span those of a, rows >= columns; r = q^T a has a positive diagonal.
/// is_dependent [batch]: 1 where a column lies in the span of those before.
template <class T>
struct GramSchmidt {
  using Problem = MatrixProblem;
  using Launch = void(const Problem&, const T* a, T* q, std::int64_t* is_dependent);
  static constexpr std::string_view name = "linear_algebra.gram_schmidt";
};

/// l lower triangular with l l^T = a, from the lower triangle of a [n, n]. is_indefinite [batch]: 1 where a is not
/// positive definite.
template <class T>
struct Cholesky {
  using Problem = MatrixProblem;
  using Launch = void(const Problem&, const T* a, T* l, std::int64_t* is_indefinite);
  static constexpr std::string_view name = "linear_algebra.cholesky";
};

/// Eigenvectors of a symmetric a [n, n] as the columns of v, eigenvalues ascending; the largest component of each, the
/// first among equals, is positive.
template <class T>
struct SymmetricEigenvectors {
  using Problem = MatrixProblem;
  using Launch = void(const Problem&, const T* a, T* v);
  static constexpr std::string_view name = "linear_algebra.symmetric_eigenvectors";
};

namespace cpu {

template <class T>
void solve_linear(const MatrixProblem& problem, const T* a, const T* b, T* x, std::int64_t* is_singular);
template <class T>
void determinant(const MatrixProblem& problem, const T* a, T* value, T* sign, T* logarithm);
template <class T>
void gram_schmidt(const MatrixProblem& problem, const T* a, T* q, std::int64_t* is_dependent);
template <class T>
void cholesky(const MatrixProblem& problem, const T* a, T* l, std::int64_t* is_indefinite);
template <class T>
void symmetric_eigenvectors(const MatrixProblem& problem, const T* a, T* v);

}  // namespace cpu
}  // namespace orbitgrad::kernels
