#include "groups/fourier_blocks.hpp"

#include <cmath>
#include <numeric>

#include "groups/irrep_frame.hpp"

namespace orbitgrad::groups {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

/// Takes what lies along the unit vectors off `v`.
void remove_components(Vector& v, const std::vector<Vector>& units) {
  for (const Vector& unit : units) {
    const double along = dot(v, unit);
    for (std::size_t i = 0; i < v.size(); ++i) v[i] -= along * unit[i];
  }
}

/// A search for frames may take seconds beyond this order, and what it spares is rounding.
constexpr int most_elements_searched = 24;

/// The matrices where each vector of a frame is a basis vector, if some frame is a basis; else the irrep's own.
std::vector<Matrix> simplest_matrices(const FiniteGroup& group, const Irrep& irrep) {
  std::vector<Matrix> matrices = irrep.matrices;
  if (irrep.degree > 1 && group.order() <= most_elements_searched) {
    const IrrepFrame frame = irrep_frame(group, irrep);
    if (frame.size == irrep.degree)
      for (int s = 0; s < group.order(); ++s) {
        Matrix& matrix = matrices[static_cast<std::size_t>(s)] = Matrix(irrep.degree, irrep.degree);
        for (std::int64_t f = 0; f < frame.size; ++f)
          matrix(frame.image[frame.at(s, f)], f) = frame.sign[frame.at(s, f)];
      }
  }
  for (Matrix& matrix : matrices)
    for (double& value : matrix.values)  // 0, 1/2 and 1 without the noise of the eigenvectors
      if (const double nearest = std::round(2 * value) / 2; std::abs(value - nearest) < 1e-12) value = nearest;
  return matrices;
}

/// The t - 1 imaginary units of the algebra that commutes with the irrep, orthonormal up to the factor sqrt(d). They
/// are its skew-symmetric elements, so the means of skew-symmetric matrices over the group span them.
std::vector<Vector> imaginary_units(const std::vector<Matrix>& matrices, std::int64_t d, std::size_t count) {
  std::vector<Vector> units;
  for (std::int64_t p = 0; p < d; ++p)
    for (std::int64_t q = 0; q < p && units.size() < count; ++q) {
      Vector mean(static_cast<std::size_t>(d * d));
      for (const Matrix& rho : matrices)
        for (std::int64_t i = 0; i < d; ++i)
          for (std::int64_t j = 0; j < d; ++j)
            mean[static_cast<std::size_t>(i * d + j)] += rho(i, p) * rho(j, q) - rho(i, q) * rho(j, p);
      for (double& value : mean) value /= static_cast<double>(matrices.size());
      remove_components(mean, units);
      const double length = std::sqrt(dot(mean, mean));
      if (length < 1e-6) continue;
      for (double& value : mean) value /= length;
      units.push_back(std::move(mean));
    }
  return units;
}

/// Unit vectors e_a such that all e_a and their images under the imaginary units are an orthonormal basis.
std::vector<Vector> copy_vectors(const std::vector<Matrix>& matrices, std::int64_t d, IrrepType type) {
  const auto size = static_cast<std::size_t>(d), dimension = static_cast<std::size_t>(type);
  const std::vector<Vector> units =
      dimension < size ? imaginary_units(matrices, d, dimension - 1) : std::vector<Vector>();  // one copy: any vector
  std::vector<Vector> copies, covered;
  while (copies.size() < size / dimension) {
    Vector best;
    double longest = 0;
    for (std::size_t k = 0; k < size; ++k) {
      Vector v(size);
      v[k] = 1;
      remove_components(v, covered);
      if (const double length = std::sqrt(dot(v, v)); length > longest + 1e-9) longest = length, best = std::move(v);
    }
    for (double& value : best) value /= longest;
    for (const Vector& unit : units) {
      Vector image(size);
      for (std::size_t i = 0; i < size; ++i)
        for (std::size_t j = 0; j < size; ++j)
          image[i] += std::sqrt(static_cast<double>(d)) * unit[i * size + j] * best[j];
      covered.push_back(std::move(image));
    }
    covered.push_back(best);
    copies.push_back(std::move(best));
  }
  return copies;
}

}  // namespace

std::int64_t FourierBlocks::products() const {
  std::int64_t sum = 0;
  for (const FourierBlock& block : blocks) sum += block.copies() * block.degree * block.degree;
  return sum;
}

std::vector<double> FourierBlocks::function_table() const {
  std::vector<double> table;
  for (const FourierBlock& block : blocks)
    for (const Vector& e : block.copy_vectors)
      for (std::int64_t j = 0; j < block.degree; ++j)
        for (const Matrix& rho : block.matrices) {
          double value = 0;
          for (std::int64_t i = 0; i < block.degree; ++i) value += e[static_cast<std::size_t>(i)] * rho(i, j);
          table.push_back(value);
        }
  return table;
}

std::vector<double> FourierBlocks::filter_table() const {
  std::vector<double> table;
  for (const FourierBlock& block : blocks)
    for (std::int64_t b = 0; b < block.degree; ++b)
      for (std::int64_t j = 0; j < block.degree; ++j)
        for (const Matrix& rho : block.matrices)
          table.push_back(static_cast<double>(block.degree) / static_cast<double>(order) * rho(b, j));
  return table;
}

FourierBlocks fourier_blocks(const FiniteGroup& group) {
  FourierBlocks result;
  result.order = group.order();
  for (const Irrep& irrep : irreps<double>(group)) {
    std::vector<Matrix> matrices = simplest_matrices(group, irrep);
    auto copies = copy_vectors(matrices, irrep.degree, irrep.type);
    result.blocks.push_back({irrep.degree, irrep.type, std::move(matrices), std::move(copies)});
  }
  return result;
}

}  // namespace orbitgrad::groups
