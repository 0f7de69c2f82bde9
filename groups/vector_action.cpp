#include "groups/vector_action.hpp"

#include <cmath>
#include <utility>

#include "groups/error.hpp"

namespace orbitgrad::groups {
namespace {

void require_size(std::string_view op, const FiniteGroup& group, std::int64_t dimension) {
  constexpr std::int64_t largest_dimension = 5792;  // the square is below max_entries
  require(dimension >= 0, op, "the dimension must not be negative, got {}. Give the length of the vectors.", dimension);
  require(dimension <= largest_dimension && dimension * dimension <= VectorAction::max_entries / group.order(), op,
          "matrices [{}, {}, {}] have more than {} entries. Use a smaller dimension.", group.order(), dimension,
          dimension, VectorAction::max_entries);
}

/// Largest entry of |first second - expected|, all [d, d]. NaN counts as infinite.
double largest_deviation(std::span<const double> first, std::span<const double> second,
                         std::span<const double> expected, std::int64_t d) {
  const auto size = static_cast<std::size_t>(d);
  double largest = 0.0;
  std::vector<double> row(size);
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < size; ++j) row[j] = -expected[i * size + j];
    for (std::size_t k = 0; k < size; ++k) {
      const double factor = first[i * size + k];
      if (factor == 0.0) continue;
      for (std::size_t j = 0; j < size; ++j) row[j] += factor * second[k * size + j];
    }
    for (const double difference : row) {
      if (!(std::abs(difference) <= largest)) largest = std::isnan(difference) ? HUGE_VAL : std::abs(difference);
    }
  }
  return largest;
}

}  // namespace

VectorAction::VectorAction(Checked, const FiniteGroup& group, std::int64_t dimension, std::vector<double> matrices)
    : group_(group), dimension_(dimension), matrices_(std::move(matrices)) {}

VectorAction::VectorAction(const FiniteGroup& group, std::int64_t dimension, std::vector<double> matrices,
                           double tolerance)
    : VectorAction(Checked{}, group, dimension, std::move(matrices)) {
  constexpr std::string_view op = "vector_action";
  require_size(op, group, dimension);
  require(static_cast<std::int64_t>(matrices_.size()) == group.order() * dimension * dimension, op,
          "the matrices must be [S, d, d] = [{}, {}, {}], got {} entries. Give one matrix per element.", group.order(),
          dimension, dimension, matrices_.size());
  const auto unit = matrix(group.identity());
  for (std::int64_t i = 0; i < dimension * dimension; ++i) {
    const double expected = i % (dimension + 1) == 0 ? 1.0 : 0.0;
    if (!(std::abs(unit[static_cast<std::size_t>(i)] - expected) <= tolerance)) {
      fail(op, "the matrix of the identity of {} has {} at ({}, {}) where {} is expected. It must be the unit matrix.",
           group.name(), unit[static_cast<std::size_t>(i)], i / dimension, i % dimension, expected);
    }
  }
  for (const int g : group.generators()) {
    for (int b = 0; b < group.order(); ++b) {
      const double deviation = largest_deviation(matrix(g), matrix(b), matrix(group.product(g, b)), dimension);
      if (!(deviation <= tolerance)) {
        fail(op,
             "not a homomorphism: for a = {}, b = {} of {}, rho(a) rho(b) differs from rho(ab) by {}, more than {}. "
             "Correct the matrices.",
             group.element_name(g), group.element_name(b), group.name(), deviation, tolerance);
      }
    }
  }
}

std::span<const double> VectorAction::matrix(int s) const {
  group_.require_element("vector_action", s);
  const auto size = static_cast<std::size_t>(dimension_ * dimension_);
  return std::span<const double>(matrices_).subspan(static_cast<std::size_t>(s) * size, size);
}

std::vector<double> VectorAction::apply(int s, std::span<const double> vector) const {
  const auto size = static_cast<std::size_t>(dimension_);
  require(vector.size() == size, "vector_action", "the vector must be [{}], got [{}]. Give one number per dimension.",
          size, vector.size());
  const auto rho = matrix(s);
  std::vector<double> result(size, 0.0);
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < size; ++j) result[i] += rho[i * size + j] * vector[j];
  }
  return result;
}

double VectorAction::character(int s) const {
  const auto rho = matrix(s);
  double trace = 0.0;
  for (std::int64_t i = 0; i < dimension_; ++i) trace += rho[static_cast<std::size_t>(i * (dimension_ + 1))];
  return trace;
}

VectorAction permutation_action(const Action& action) {
  const std::vector<int> signs(action.destination_table().size(), 1);
  return signed_permutation_action(action, signs);
}

VectorAction signed_permutation_action(const Action& action, std::span<const int> signs) {
  constexpr std::string_view op = "signed_permutation_action";
  const FiniteGroup& group = action.group();
  const std::int64_t n = action.points();
  require_size(op, group, n);
  require(signs.size() == action.destination_table().size(), op,
          "the signs must be [S, n] = [{}, {}], got {} entries. Give one per element and point.", group.order(), n,
          signs.size());
  const auto sign = [&](int s, std::int64_t i) { return signs[static_cast<std::size_t>(s * n + i)]; };
  std::vector<double> matrices(static_cast<std::size_t>(group.order() * n * n), 0.0);
  for (int s = 0; s < group.order(); ++s) {
    for (std::int64_t i = 0; i < n; ++i) {
      if (sign(s, i) != 1 && sign(s, i) != -1) {
        fail(op, "the sign of element {} at point {} is {}. Use +1 or -1.", group.element_name(s), i, sign(s, i));
      }
      matrices[static_cast<std::size_t>((s * n + action.destination(s, i)) * n + i)] = sign(s, i);
    }
  }
  // The permutations are an action already; the signs need their own check, n |G| per generator instead of n^3.
  for (std::int64_t i = 0; i < n; ++i) {
    require(sign(group.identity(), i) == 1, op, "the identity has sign -1 at point {}. It must change nothing.", i);
  }
  for (const int g : group.generators()) {
    for (int b = 0; b < group.order(); ++b) {
      for (std::int64_t i = 0; i < n; ++i) {
        if (sign(g, action.destination(b, i)) * sign(b, i) != sign(group.product(g, b), i)) {
          fail(op,
               "not a homomorphism: for a = {}, b = {} the signs of a and b at point {} do not multiply to that of "
               "ab. Correct the signs.",
               group.element_name(g), group.element_name(b), i);
        }
      }
    }
  }
  return {VectorAction::Checked{}, group, n, std::move(matrices)};
}

VectorAction lattice_vector_action(const LatticeGroup& lattice) {
  std::vector<double> matrices;
  for (const auto& matrix : lattice.matrices) matrices.insert(matrices.end(), matrix.begin(), matrix.end());
  return {lattice.group, 2, std::move(matrices)};
}

VectorAction direct_sum(const VectorAction& first, const VectorAction& second) {
  constexpr std::string_view op = "direct_sum";
  require(first.group().has_same_table(second.group()), op,
          "the representations are of different groups, {} and {}. Both must be of one group.", first.group().name(),
          second.group().name());
  const std::int64_t n = first.dimension(), d = n + second.dimension();
  require_size(op, first.group(), d);
  std::vector<double> matrices(static_cast<std::size_t>(first.group().order() * d * d), 0.0);
  const auto place = [&](int s, const VectorAction& part, std::int64_t offset) {
    const auto rho = part.matrix(s);
    const std::int64_t size = part.dimension();
    for (std::int64_t i = 0; i < size * size; ++i) {
      const std::int64_t row = offset + i / size, col = offset + i % size;
      matrices[static_cast<std::size_t>((s * d + row) * d + col)] = rho[static_cast<std::size_t>(i)];
    }
  };
  for (int s = 0; s < first.group().order(); ++s) {
    place(s, first, 0);
    place(s, second, n);
  }
  return {first.group(), d, std::move(matrices)};
}

}  // namespace orbitgrad::groups
