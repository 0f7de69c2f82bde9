// Lie algebras of matrices, given by a list A_1 .. A_D: bracket [A, B] = AB - BA, structure constants
// [A_i, A_j] = sum_k f_ijk A_k, Killing form K_ij = tr(ad A_i ad A_j).
#pragma once

#include <span>
#include <vector>

#include "groups/matrix_group.hpp"

namespace orbitgrad::groups {

/// AB - BA.
[[nodiscard]] ComplexMatrix bracket(const ComplexMatrix& a, const ComplexMatrix& b);

/// The real span of some matrices: u(n) is a real Lie algebra although its matrices are complex.
class LinearSpan {
 public:
  explicit LinearSpan(std::span<const ComplexMatrix> matrices);
  [[nodiscard]] std::int64_t dimension() const { return static_cast<std::int64_t>(orthonormal_.size()); }
  /// The matrices given are linearly independent.
  [[nodiscard]] bool independent() const { return independent_; }
  /// |matrix - its projection| / max(1, |matrix|), Frobenius.
  [[nodiscard]] double residual(const ComplexMatrix& matrix) const;
  /// Coefficients in the matrices given. Error: these are dependent.
  [[nodiscard]] std::vector<double> coefficients(const ComplexMatrix& matrix) const;
  /// Adds the part of the matrix outside the span; false if there is none.
  bool extend(const ComplexMatrix& matrix);

 private:
  std::vector<ComplexMatrix> given_, orthonormal_;
  bool independent_ = true;
};

/// Largest residual of a bracket outside the span of the generators: 0 if they are a Lie algebra.
[[nodiscard]] double closure_residual(std::span<const ComplexMatrix> generators);
/// Basis of the smallest Lie algebra that holds the generators: these first, as far as independent.
[[nodiscard]] std::vector<ComplexMatrix> generated_algebra(std::span<const ComplexMatrix> generators);

/// f[(i D + j) D + k]. Error with the residual: the generators do not close, or are dependent.
[[nodiscard]] std::vector<double> structure_constants(const MatrixGroup& group);
/// [D, D]. Negative definite for a compact semisimple algebra, degenerate unless semisimple (Cartan). Errors as above.
[[nodiscard]] Matrix killing_form(const MatrixGroup& group);

}  // namespace orbitgrad::groups
