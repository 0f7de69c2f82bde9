// Fourier transform over the group axis of regular features, into the layout that makes a product of irrep blocks one
// matrix product each, and its transpose. With a table M [values, order] whose rows are sorted into blocks of `copies`
// times `degree` rows:
//   forward   X[block][n p][a][c][j] = sum_h M[(block, a, j), h] x[n, c, h, p]
//   adjoint   x[n, c, h, p]          = sum over (block, a, j) of M[(block, a, j), h] X[block][n p][a][c][j]
// Source of the tables: groups/fourier_blocks.hpp.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// A row of the table. `first`: the rows ahead of its block.
struct FibreRow {
  std::int32_t first = 0, copies = 1, degree = 1, copy = 0, column = 0;
};

struct FibreTransformProblem {
  std::int64_t batch = 0, fields = 0, order = 0, positions = 1;
  std::int64_t values = 0;         ///< rows of the table
  const double* table = nullptr;   ///< [values, order]
  const FibreRow* rows = nullptr;  ///< [values]

  ORBITGRAD_HOST_DEVICE std::int64_t function_size() const { return batch * fields * order * positions; }
  ORBITGRAD_HOST_DEVICE std::int64_t spectrum_size() const { return batch * fields * values * positions; }
  double flops() const {
    return 2.0 * static_cast<double>(batch * fields * positions) * static_cast<double>(order) *
           static_cast<double>(values);
  }
  std::int64_t bytes(std::int64_t element_size) const { return element_size * (function_size() + spectrum_size()); }
};

/// Where x[n, c, 0, p] is; the group axis goes in steps of `positions`.
ORBITGRAD_HOST_DEVICE inline std::int64_t fibre_function_offset(const FibreTransformProblem& problem, std::int64_t n,
                                                                std::int64_t c, std::int64_t p) {
  return (n * problem.fields + c) * problem.order * problem.positions + p;
}
/// Where X[block][n p][a][c][j] is, `place` being n positions + p.
ORBITGRAD_HOST_DEVICE inline std::int64_t fibre_spectrum_offset(const FibreTransformProblem& problem,
                                                                const FibreRow& row, std::int64_t place,
                                                                std::int64_t c) {
  return problem.batch * problem.positions * problem.fields * row.first +
         ((place * row.copies + row.copy) * problem.fields + c) * row.degree + row.column;
}

template <class T>
struct FibreTransform {
  using Problem = FibreTransformProblem;
  using Launch = void(const Problem&, const T* x, T* spectrum);
  static constexpr std::string_view name = "fibre_transform.forward";
};

template <class T>
struct FibreTransformAdjoint {
  using Problem = FibreTransformProblem;
  using Launch = void(const Problem&, const T* spectrum, T* x);
  static constexpr std::string_view name = "fibre_transform.adjoint";
};

namespace cpu {

/// x [batch, fields, order, positions], spectrum [spectrum_size]. Sums in T, in order of the table's columns (rows).
template <class T>
void fibre_transform(const FibreTransformProblem& problem, const T* x, T* spectrum);
template <class T>
void fibre_transform_adjoint(const FibreTransformProblem& problem, const T* spectrum, T* x);

}  // namespace cpu
}  // namespace orbitgrad::kernels
