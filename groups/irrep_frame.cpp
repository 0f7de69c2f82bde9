#include "groups/irrep_frame.hpp"

#include <cmath>
#include <numeric>

#include "groups/linear_algebra.hpp"

namespace orbitgrad::groups {
namespace {

using Vector = std::vector<double>;

constexpr double tolerance = 1e-8;

double dot(const Vector& a, const Vector& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

Vector apply(const Matrix& matrix, const Vector& vector) {
  Vector result(vector.size());
  for (std::int64_t i = 0; i < matrix.rows; ++i)
    for (std::int64_t j = 0; j < matrix.cols; ++j)
      result[static_cast<std::size_t>(i)] += matrix(i, j) * vector[static_cast<std::size_t>(j)];
  return result;
}

/// Onto the vectors v with rho(s) v = sign v.
Matrix projection(const FiniteGroup& group, const Irrep& irrep, int s, int sign) {
  const int period = 2 * group.element_order(s);
  Matrix sum(irrep.degree, irrep.degree);
  int element = group.identity();
  for (int i = 0; i < period; ++i, element = group.product(element, s)) {
    const double factor = (sign < 0 && i % 2 == 1 ? -1.0 : 1.0) / period;
    const Matrix& matrix = irrep.matrices[static_cast<std::size_t>(element)];
    for (std::size_t k = 0; k < sum.values.size(); ++k) sum.values[k] += factor * matrix.values[k];
  }
  return sum;
}

/// Unit vectors, one of each pair +-v that the group moves `start` to.
std::vector<Vector> orbit_up_to_sign(const Irrep& irrep, const Vector& start) {
  std::vector<Vector> orbit;
  for (const Matrix& matrix : irrep.matrices) {
    const Vector moved = apply(matrix, start);
    bool is_new = true;
    for (const Vector& known : orbit) is_new = is_new && std::abs(dot(known, moved)) < 1 - tolerance;
    if (is_new) orbit.push_back(moved);
  }
  return orbit;
}

std::vector<Vector> smallest_orbit(const FiniteGroup& group, const Irrep& irrep) {
  const auto degree = static_cast<std::size_t>(irrep.degree);
  Vector first(degree);
  first[0] = 1;
  std::vector<Vector> best = orbit_up_to_sign(irrep, first);
  for (const auto& conjugacy_class : group.conjugacy_classes())  // a conjugate moves the vector within its orbit
    for (const int sign : {1, -1}) {
      const Matrix left = projection(group, irrep, conjugacy_class.front(), sign);
      for (int other = 0; other < group.order(); ++other)
        for (const int other_sign : {1, -1}) {
          if (best.size() == degree) return best;
          Matrix sum = projection(group, irrep, other, other_sign);
          for (std::size_t k = 0; k < sum.values.size(); ++k) sum.values[k] += left.values[k];
          const HermitianEigen<double> eigen = hermitian_eigen(sum);
          const bool is_fixed = std::abs(eigen.values[degree - 1] - 2) < tolerance;
          const bool is_single = degree == 1 || eigen.values[degree - 2] < 2 - tolerance;
          if (!is_fixed || !is_single) continue;
          Vector vector(degree);
          for (std::size_t i = 0; i < degree; ++i)
            vector[i] = eigen.vectors(static_cast<std::int64_t>(i), irrep.degree - 1);
          const std::vector<Vector> orbit = orbit_up_to_sign(irrep, vector);
          if (orbit.size() < best.size()) best = orbit;
        }
    }
  return best;
}

/// Halves of whole numbers are meant to be that.
double without_rounding_error(double value) {
  const double near = std::round(2 * value) / 2;
  return std::abs(value - near) < tolerance ? near : value;
}

/// Coordinates [n, d] of the vectors in those of them that `basis` names; empty if these depend on each other.
Vector coordinates_in(const std::vector<Vector>& vectors, const std::vector<std::int32_t>& basis) {
  const auto degree = static_cast<std::int64_t>(basis.size());
  Matrix gram(degree, degree);
  for (std::int64_t i = 0; i < degree; ++i)
    for (std::int64_t j = 0; j < degree; ++j)
      gram(i, j) = dot(vectors[static_cast<std::size_t>(basis[static_cast<std::size_t>(i)])],
                       vectors[static_cast<std::size_t>(basis[static_cast<std::size_t>(j)])]);
  if (hermitian_eigen(gram).values.front() < 1e-6) return {};
  const Matrix dual = inverse(gram);
  Vector result;
  for (const Vector& vector : vectors)
    for (std::int64_t j = 0; j < degree; ++j) {
      double value = 0;
      for (std::int64_t i = 0; i < degree; ++i)
        value += dot(vector, vectors[static_cast<std::size_t>(basis[static_cast<std::size_t>(i)])]) * dual(i, j);
      result.push_back(without_rounding_error(value));
    }
  return result;
}

/// The first basis among the vectors in which all have whole coordinates; failing that the first one there is.
void choose_basis(const std::vector<Vector>& vectors, IrrepFrame& frame) {
  const auto size = static_cast<std::int32_t>(vectors.size());
  std::vector<std::int32_t> chosen(static_cast<std::size_t>(frame.degree));
  std::iota(chosen.begin(), chosen.end(), 0);
  for (;;) {
    const Vector coordinates = coordinates_in(vectors, chosen);
    bool is_whole = !coordinates.empty();
    for (const double value : coordinates) is_whole = is_whole && value == std::round(value);
    if (is_whole || (frame.basis.empty() && !coordinates.empty()))
      frame.basis = chosen, frame.coordinates = coordinates;
    if (is_whole) return;
    auto place = static_cast<std::int32_t>(chosen.size()) - 1;  // the next subset in lexicographic order
    while (place >= 0 &&
           chosen[static_cast<std::size_t>(place)] == size - static_cast<std::int32_t>(chosen.size()) + place)
      --place;
    if (place < 0) return;
    ++chosen[static_cast<std::size_t>(place)];
    for (auto i = static_cast<std::size_t>(place) + 1; i < chosen.size(); ++i) chosen[i] = chosen[i - 1] + 1;
  }
}

}  // namespace

IrrepFrame irrep_frame(const FiniteGroup& group, const Irrep& irrep) {
  const std::vector<Vector> vectors = smallest_orbit(group, irrep);
  IrrepFrame frame;
  frame.degree = irrep.degree;
  frame.size = static_cast<std::int64_t>(vectors.size());
  for (const Matrix& matrix : irrep.matrices)
    for (const Vector& vector : vectors) {
      const Vector moved = apply(matrix, vector);
      for (std::size_t f = 0; f < vectors.size(); ++f) {
        const double cosine = dot(vectors[f], moved);
        if (std::abs(cosine) < 1 - tolerance) continue;
        frame.image.push_back(static_cast<std::int32_t>(f));
        frame.sign.push_back(cosine > 0 ? 1 : -1);
      }
    }
  choose_basis(vectors, frame);
  for (const Vector& vector : vectors)
    for (const std::int32_t b : frame.basis)
      frame.gram.push_back(without_rounding_error(dot(vector, vectors[static_cast<std::size_t>(b)])));
  frame.divisor = static_cast<double>(group.order() * static_cast<int>(irrep.type) * frame.size) /
                  static_cast<double>(irrep.degree * irrep.degree);
  return frame;
}

std::vector<IrrepFrame> irrep_frames(const FiniteGroup& group) {
  std::vector<IrrepFrame> frames;
  for (const Irrep& irrep : irreps<double>(group)) frames.push_back(irrep_frame(group, irrep));
  return frames;
}

}  // namespace orbitgrad::groups
