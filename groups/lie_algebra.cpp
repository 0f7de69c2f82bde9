#include "groups/lie_algebra.hpp"

#include <algorithm>

#include "groups/linear_algebra.hpp"

namespace orbitgrad::groups {

namespace {

/// Re tr(A^H B).
double real_inner(const ComplexMatrix& a, const ComplexMatrix& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) sum += (std::conj(a.values[i]) * b.values[i]).real();
  return sum;
}

constexpr double span_tolerance = 1e-9;

/// The matrix without its parts along the directions; twice, which is enough for full accuracy.
ComplexMatrix orthogonal_to(std::span<const ComplexMatrix> orthonormal, ComplexMatrix matrix) {
  for (int pass = 0; pass < 2; ++pass)
    for (const ComplexMatrix& direction : orthonormal) {
      const double part = real_inner(direction, matrix);
      matrix = add_scaled(std::move(matrix), Complex(-part), direction);
    }
  return matrix;
}

}  // namespace

ComplexMatrix bracket(const ComplexMatrix& a, const ComplexMatrix& b) { return a * b - b * a; }

LinearSpan::LinearSpan(std::span<const ComplexMatrix> matrices) : given_(matrices.begin(), matrices.end()) {
  for (const ComplexMatrix& matrix : matrices)
    if (!extend(matrix)) independent_ = false;
}

double LinearSpan::residual(const ComplexMatrix& matrix) const {
  const ComplexMatrix rest = orthogonal_to(orthonormal_, matrix);
  return frobenius_norm(rest) / std::max(1.0, frobenius_norm(matrix));
}

bool LinearSpan::extend(const ComplexMatrix& matrix) {
  const double size = frobenius_norm(matrix);
  if (size == 0) return false;
  ComplexMatrix rest = orthogonal_to(orthonormal_, scaled(matrix, Complex(1 / size)));
  const double left = frobenius_norm(rest);
  if (left < span_tolerance) return false;
  orthonormal_.push_back(scaled(std::move(rest), Complex(1 / left)));
  return true;
}

std::vector<double> LinearSpan::coefficients(const ComplexMatrix& matrix) const {
  require(independent_, "LinearSpan", "the generators are linearly dependent. Drop the superfluous ones.");
  const auto count = static_cast<std::int64_t>(given_.size());
  Matrix gram(count, count), right(count, 1);
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < count; ++j)
      gram(i, j) = real_inner(given_[static_cast<std::size_t>(i)], given_[static_cast<std::size_t>(j)]);
    right(i, 0) = real_inner(given_[static_cast<std::size_t>(i)], matrix);
  }
  return (inverse(gram) * right).values;
}

double closure_residual(std::span<const ComplexMatrix> generators) {
  const LinearSpan span(generators);
  double largest = 0;
  for (std::size_t i = 0; i < generators.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      largest = std::max(largest, span.residual(bracket(generators[i], generators[j])));
  return largest;
}

std::vector<ComplexMatrix> generated_algebra(std::span<const ComplexMatrix> generators) {
  LinearSpan span({});
  std::vector<ComplexMatrix> basis;
  for (const ComplexMatrix& generator : generators)
    if (span.extend(generator)) basis.push_back(generator);
  for (std::size_t i = 1; i < basis.size(); ++i)  // grows while it runs
    for (std::size_t j = 0; j < i; ++j) {
      ComplexMatrix product = bracket(basis[i], basis[j]);
      const double size = frobenius_norm(product);
      if (size < span_tolerance) continue;
      product = scaled(std::move(product), Complex(1 / size));
      if (span.extend(product)) basis.push_back(std::move(product));
    }
  return basis;
}

std::vector<double> structure_constants(const MatrixGroup& group) {
  const auto generators = group.lie_generators();
  const LinearSpan span(generators);
  require(span.independent(), "structure_constants", "{}: the {} generators span {} dimensions. Drop the others.",
          group.name(), generators.size(), span.dimension());
  const double residual = closure_residual(generators);
  require(residual < span_tolerance, "structure_constants",
          "the generators of {} do not close: a bracket is outside their span by {:.2e}. Take generated_algebra().",
          group.name(), residual);
  std::vector<double> constants;
  for (const ComplexMatrix& a : generators)
    for (const ComplexMatrix& b : generators)
      for (const double value : span.coefficients(bracket(a, b))) constants.push_back(value);
  return constants;
}

Matrix killing_form(const MatrixGroup& group) {
  const std::vector<double> f = structure_constants(group);
  const auto count = static_cast<std::int64_t>(group.lie_generators().size());
  const auto at = [&](std::int64_t i, std::int64_t j, std::int64_t k) {
    return f[static_cast<std::size_t>((i * count + j) * count + k)];
  };
  Matrix form(count, count);
  for (std::int64_t i = 0; i < count; ++i)
    for (std::int64_t j = 0; j < count; ++j)
      for (std::int64_t k = 0; k < count; ++k)
        for (std::int64_t l = 0; l < count; ++l) form(i, j) += at(i, k, l) * at(j, l, k);
  return form;
}

}  // namespace orbitgrad::groups
