// Matrix product, row-major, batched: C[i] = op(A[i]) op(B[i]), or C[i] += op(A[i]) op(B[i]), i = 0..batch-1.
// op(A) is [m, k] and op(B) is [k, n]; op transposes or does nothing. Implementations `openblas` and `blocked`
// (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008).
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/dispatch.hpp"

namespace orbitgrad::kernels {

/// Element (i, j) of the stored A is a[i lda + j]: A is stored [m, k], or [k, m] if transpose_a; B [k, n], or [n, k] if
/// transpose_b; C [m, n]. Batch strides count elements and may be 0 for an operand that is shared (never for C).
struct GemmProblem {
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t lda = 0, ldb = 0, ldc = 0;
  bool transpose_a = false, transpose_b = false;
  bool accumulate = false;
  std::int64_t batch = 1;
  std::int64_t batch_stride_a = 0, batch_stride_b = 0, batch_stride_c = 0;
  std::string_view implementation = {};  ///< forced by name; empty: the automatic choice

  double flops() const {
    return 2.0 * static_cast<double>(batch) * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }
  /// Compulsory traffic for elements of that many bytes: each operand once.
  double bytes(double element_size) const {
    const double a = static_cast<double>(batch_stride_a == 0 ? 1 : batch) * static_cast<double>(m * k);
    const double b = static_cast<double>(batch_stride_b == 0 ? 1 : batch) * static_cast<double>(k * n);
    return element_size * (a + b + (accumulate ? 2.0 : 1.0) * static_cast<double>(batch) * static_cast<double>(m * n));
  }
};

/// The dense problem without padding between rows or batches: A [batch, m, k] (or [batch, k, m]) and so on.
inline GemmProblem dense_gemm(std::int64_t m, std::int64_t n, std::int64_t k, bool transpose_a = false,
                              bool transpose_b = false, bool accumulate = false, std::int64_t batch = 1) {
  GemmProblem problem;
  problem.m = m, problem.n = n, problem.k = k;
  problem.lda = transpose_a ? m : k, problem.ldb = transpose_b ? k : n, problem.ldc = n;
  problem.transpose_a = transpose_a, problem.transpose_b = transpose_b, problem.accumulate = accumulate;
  problem.batch = batch;
  problem.batch_stride_a = m * k, problem.batch_stride_b = k * n, problem.batch_stride_c = m * n;
  return problem;
}

template <class T>
struct Gemm {
  using Problem = GemmProblem;
  using Launch = void(const Problem&, const T* a, const T* b, T* c);
  static constexpr std::string_view name = "gemm";
};

namespace cpu {

/// The product by the forced or the chosen implementation; k = 0 writes zeros (or leaves C when accumulating). C
/// overlaps neither A nor B. The bits depend on the problem alone, never on the number of threads. T is float or
/// double.
template <class T>
void gemm(const GemmProblem& problem, const T* a, const T* b, T* c);

}  // namespace cpu
}  // namespace orbitgrad::kernels
