#include <algorithm>
#include <vector>

#include "kernels/linear_algebra/formulas.hpp"
#include "kernels/linear_algebra/linear_algebra.hpp"
#include "kernels/parallel.hpp"
#include "kernels/registration.hpp"

namespace orbitgrad::kernels::cpu {

namespace {

/// Calls body(matrix number, workspace of `elements`) for every matrix.
template <class T, class Body>
void for_each_matrix(const MatrixProblem& p, std::int64_t elements, Body&& body) {
  const std::int64_t work = p.rows * p.rows * (p.columns + p.right) + 1;
  parallel_for(p.batch, 16384 / work + 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<T> workspace(static_cast<std::size_t>(elements));
    for (std::int64_t i = begin; i < end; ++i) body(i, workspace.data());
  });
}

}  // namespace

template <class T>
void solve_linear(const MatrixProblem& p, const T* a, const T* b, T* x, std::int64_t* is_singular) {
  const std::int64_t n = p.rows, right = p.right, width = n + right;
  for_each_matrix<T>(p, n * width, [&](std::int64_t number, T* both) {
    for (std::int64_t i = 0; i < n; ++i) {
      std::copy_n(a + (number * n + i) * n, n, both + i * width);
      std::copy_n(b + (number * n + i) * right, right, both + i * width + n);
    }
    const Matrix<T> m{both, width};
    is_singular[number] = eliminate(OneThread{}, n, m).is_singular ? 1 : 0;
    substitute_back(OneThread{}, n, m);
    for (std::int64_t i = 0; i < n; ++i) std::copy_n(both + i * width + n, right, x + (number * n + i) * right);
  });
}

template <class T>
void determinant(const MatrixProblem& p, const T* a, T* value, T* sign, T* logarithm) {
  const std::int64_t n = p.rows;
  for_each_matrix<T>(p, n * n, [&](std::int64_t number, T* copy) {
    std::copy_n(a + number * n * n, n * n, copy);
    const Pivots<T> pivots = eliminate(OneThread{}, n, Matrix<T>{copy, n});
    value[number] = pivots.value;
    sign[number] = pivots.sign;
    logarithm[number] = pivots.logarithm;
  });
}

template <class T>
void gram_schmidt(const MatrixProblem& p, const T* a, T* q, std::int64_t* is_dependent) {
  const std::int64_t size = p.rows * p.columns;
  for_each_matrix<T>(p, 0, [&](std::int64_t number, T*) {
    std::copy_n(a + number * size, size, q + number * size);
    is_dependent[number] = gram_schmidt_in_place(p.rows, Matrix<T>{q + number * size, p.columns}) ? 0 : 1;
  });
}

template <class T>
void cholesky(const MatrixProblem& p, const T* a, T* l, std::int64_t* is_indefinite) {
  const std::int64_t size = p.rows * p.rows;
  for_each_matrix<T>(p, 0, [&](std::int64_t number, T*) {
    std::copy_n(a + number * size, size, l + number * size);
    is_indefinite[number] = cholesky_in_place(OneThread{}, p.rows, Matrix<T>{l + number * size, p.rows}) ? 0 : 1;
  });
}

template <class T>
void symmetric_eigenvectors(const MatrixProblem& p, const T* a, T* v) {
  const std::int64_t size = p.rows * p.rows;
  for_each_matrix<T>(p, size, [&](std::int64_t number, T* copy) {
    std::copy_n(a + number * size, size, copy);
    symmetric_eigenvectors_of(p.rows, Matrix<T>{copy, p.rows}, Matrix<T>{v + number * size, p.rows});
  });
}

namespace {
const CpuRegistration<SolveLinear> solve_registration{"cpu", solve_linear<float>, solve_linear<double>};
const CpuRegistration<Determinant> determinant_registration{"cpu", determinant<float>, determinant<double>};
const CpuRegistration<GramSchmidt> gram_schmidt_registration{"cpu", gram_schmidt<float>, gram_schmidt<double>};
const CpuRegistration<Cholesky> cholesky_registration{"cpu", cholesky<float>, cholesky<double>};
const CpuRegistration<SymmetricEigenvectors> eigen_registration{"cpu", symmetric_eigenvectors<float>,
                                                                symmetric_eigenvectors<double>};
}  // namespace

template void solve_linear<float>(const MatrixProblem&, const float*, const float*, float*, std::int64_t*);
template void solve_linear<double>(const MatrixProblem&, const double*, const double*, double*, std::int64_t*);
template void determinant<float>(const MatrixProblem&, const float*, float*, float*, float*);
template void determinant<double>(const MatrixProblem&, const double*, double*, double*, double*);
template void gram_schmidt<float>(const MatrixProblem&, const float*, float*, std::int64_t*);
template void gram_schmidt<double>(const MatrixProblem&, const double*, double*, std::int64_t*);
template void cholesky<float>(const MatrixProblem&, const float*, float*, std::int64_t*);
template void cholesky<double>(const MatrixProblem&, const double*, double*, std::int64_t*);
template void symmetric_eigenvectors<float>(const MatrixProblem&, const float*, float*);
template void symmetric_eigenvectors<double>(const MatrixProblem&, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
