// The Reynolds projection of a dense layer onto the equivariant maps, for permutation actions on both sides,
//   P(W) = 1/|G| sum_h rho_out(h)^-1 W rho_in(h),   P(W)[i, j] = 1/|G| sum_h W[source_out[h, i], source_in[h, j]]
// and the penalty |W - P(W)|^2 with its gradient 2 (W - P(W)). P is an orthogonal projection: P P = P = P^T.
// Source: Elesedy & Zaidi, "Provably strict generalisation benefit for equivariant models" (2021).
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// W: [rows, cols] = [outputs, inputs]. source_out: [elements, rows], source_in: [elements, cols], gather indices
/// (rho(h) f)[i] = f[source[h, i]] of a whole group with elements >= 1. The sum over h is also the sum over h^-1, so no
/// inverse tables are needed.
struct ReynoldsProblem {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t elements = 0;
  const std::int32_t* source_out = nullptr;
  const std::int32_t* source_in = nullptr;

  ORBITGRAD_HOST_DEVICE std::int64_t count() const { return rows * cols; }
  /// One row of each orbit of rows is summed, the others are copies: about 2 rows cols for free orbits.
  std::int64_t flops() const { return 2 * count(); }
  std::int64_t bytes(std::int64_t element_size) const { return 3 * element_size * count(); }
};

/// Position in W of the entry that element h brings to (row, col).
ORBITGRAD_HOST_DEVICE inline std::int64_t reynolds_source(const ReynoldsProblem& problem, std::int64_t h,
                                                          std::int64_t row, std::int64_t col) {
  return problem.source_out[h * problem.rows + row] * problem.cols + problem.source_in[h * problem.cols + col];
}

template <class T>
struct ReynoldsProject {
  using Problem = ReynoldsProblem;
  using Launch = void(const Problem&, const T* weight, T* projection);
  static constexpr std::string_view name = "reynolds.project";
};

template <class T>
struct ReynoldsPenalty {
  using Problem = ReynoldsProblem;
  using Launch = void(const Problem&, const T* weight, double scale, double* value, T* gradient);
  static constexpr std::string_view name = "reynolds.penalty";
};

namespace cpu {

/// projection: [rows, cols], must not overlap weight. Sums in double, in order of h.
template <class T>
void reynolds_project(const ReynoldsProblem& problem, const T* weight, T* projection);

/// value = scale |W - P(W)|^2, in double and in fixed order; gradient = 2 scale (W - P(W)), [rows, cols], or null.
template <class T>
void reynolds_penalty(const ReynoldsProblem& problem, const T* weight, double scale, double* value, T* gradient);

}  // namespace cpu
}  // namespace orbitgrad::kernels
