#include "groups/matrix_group.hpp"

#include <algorithm>
#include <numeric>

#include "groups/linear_algebra.hpp"

namespace orbitgrad::groups {

struct MatrixGroup::Data {
  std::string name;
  std::int64_t dimension = 0;
  std::vector<ComplexMatrix> lie, discrete;
  GroupStructure structure;
  bool real = true, unitary = true, permutation = true;
};

namespace {

void check_generators(const std::string& name, std::int64_t dimension, const char* kind,
                      const std::vector<ComplexMatrix>& generators) {
  for (std::size_t i = 0; i < generators.size(); ++i) {
    const ComplexMatrix& generator = generators[i];
    require(generator.is_square(), "MatrixGroup", "{}: {} generator {} is [{}, {}]. Generators are square.", name, kind,
            i, generator.rows, generator.cols);
    require(generator.rows == dimension, "MatrixGroup",
            "{}: {} generator {} is [{}, {}], the group acts on {} coordinates. Give all generators one size.", name,
            kind, i, generator.rows, generator.cols, dimension);
    for (std::size_t k = 0; k < generator.values.size(); ++k)
      require(std::isfinite(generator.values[k].real()) && std::isfinite(generator.values[k].imag()), "MatrixGroup",
              "{}: {} generator {} has an entry at ({}, {}) that is not finite. Look where it was made.", name, kind, i,
              static_cast<std::int64_t>(k) / dimension, static_cast<std::int64_t>(k) % dimension);
  }
}

std::vector<ComplexMatrix> all_to_complex(const std::vector<Matrix>& matrices) {
  std::vector<ComplexMatrix> result;
  for (const Matrix& matrix : matrices) result.push_back(to_complex(matrix));
  return result;
}

bool has_real_entries(const ComplexMatrix& matrix) {
  return std::ranges::all_of(matrix.values, [](Complex value) { return value.imag() == 0; });
}

bool is_skew(const ComplexMatrix& matrix) {
  return largest_entry(matrix + adjoint(matrix)) <= 1e-10 * largest_entry(matrix);
}

bool is_unitary_matrix(const ComplexMatrix& matrix) {
  return largest_entry(matrix * adjoint(matrix) - ComplexMatrix::identity(matrix.rows)) <= 1e-10;
}

bool is_permutation_matrix(const ComplexMatrix& matrix) {
  std::vector<int> in_column(static_cast<std::size_t>(matrix.cols));
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    int in_row = 0;
    for (std::int64_t j = 0; j < matrix.cols; ++j) {
      const Complex value = matrix(i, j);
      if (value != 0.0 && value != 1.0) return false;
      if (value == 1.0) {
        ++in_row;
        ++in_column[static_cast<std::size_t>(j)];
      }
    }
    if (in_row != 1) return false;
  }
  return std::ranges::all_of(in_column, [](int count) { return count == 1; });
}

ComplexMatrix power(const ComplexMatrix& matrix, std::int64_t exponent) {
  const ComplexMatrix base = exponent < 0 ? inverse(matrix) : matrix;
  ComplexMatrix result = ComplexMatrix::identity(matrix.rows);
  for (std::int64_t k = 0; k < std::abs(exponent); ++k) result = result * base;
  return result;
}

}  // namespace

MatrixGroup::MatrixGroup(std::string name, std::int64_t dimension, const std::vector<Matrix>& lie_generators,
                         const std::vector<Matrix>& discrete_generators, GroupStructure structure)
    : MatrixGroup(std::move(name), dimension, all_to_complex(lie_generators), all_to_complex(discrete_generators),
                  std::move(structure)) {}

MatrixGroup::MatrixGroup(std::string name, std::int64_t dimension, std::vector<ComplexMatrix> lie_generators,
                         std::vector<ComplexMatrix> discrete_generators, GroupStructure structure) {
  require(dimension >= 1, "MatrixGroup", "{}: dimension {}. Take at least 1.", name, dimension);
  check_generators(name, dimension, "Lie algebra", lie_generators);
  check_generators(name, dimension, "discrete", discrete_generators);
  Data data{std::move(name), dimension, std::move(lie_generators), std::move(discrete_generators),
            std::move(structure)};
  data.permutation = data.lie.empty() && std::ranges::all_of(data.discrete, is_permutation_matrix);
  for (const ComplexMatrix& generator : data.lie) {
    data.real = data.real && has_real_entries(generator);
    data.unitary = data.unitary && is_skew(generator);
  }
  for (std::size_t i = 0; i < data.discrete.size(); ++i) {
    const ComplexMatrix& generator = data.discrete[i];
    data.real = data.real && has_real_entries(generator);
    if (data.permutation || is_unitary_matrix(generator)) continue;
    data.unitary = false;
    require(std::abs(determinant(generator)) > 1e-12 * std::pow(largest_entry(generator), dimension), "MatrixGroup",
            "{}: discrete generator {} is singular. Group elements are invertible.", data.name, i);
  }
  data_ = std::make_shared<const Data>(std::move(data));
}

const std::string& MatrixGroup::name() const { return data_->name; }
std::int64_t MatrixGroup::dimension() const { return data_->dimension; }
std::span<const ComplexMatrix> MatrixGroup::lie_generators() const { return data_->lie; }
std::span<const ComplexMatrix> MatrixGroup::discrete_generators() const { return data_->discrete; }
const GroupStructure& MatrixGroup::structure() const { return data_->structure; }
bool MatrixGroup::is_real() const { return data_->real; }
bool MatrixGroup::is_unitary() const { return data_->unitary; }
bool MatrixGroup::is_permutation() const { return data_->permutation; }

ComplexMatrix MatrixGroup::random_element(RandomSource& random, double boost_scale) const {
  ComplexMatrix algebra(dimension(), dimension());
  for (const ComplexMatrix& generator : data_->lie)
    algebra =
        add_scaled(std::move(algebra), Complex(random.normal() * (is_skew(generator) ? 1 : boost_scale)), generator);
  ComplexMatrix element = data_->lie.empty() ? ComplexMatrix::identity(dimension()) : exponential(algebra);
  std::vector<std::size_t> order(data_->discrete.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(i)))]);
    for (const std::size_t j : order) element = element * power(data_->discrete[j], random.below(10) - 5);
  }
  return element;
}

}  // namespace orbitgrad::groups
