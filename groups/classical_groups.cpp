#include "groups/classical_groups.hpp"

namespace orbitgrad::groups {

namespace {

void require_size(std::string_view op, std::int64_t n) {
  require(n >= 1 && n <= 64, op, "size {}. Take one in 1 .. 64.", n);
}

/// factor at (i, j), and other at (j, i).
Matrix unit(std::int64_t n, std::int64_t i, std::int64_t j, double factor, double other = 0) {
  Matrix result(n, n);
  if (i != j) result(j, i) = other;
  result(i, j) = factor;
  return result;
}

/// so of the coordinates first .. last - 1.
std::vector<Matrix> rotations_of(std::int64_t n, std::int64_t first, std::int64_t last) {
  std::vector<Matrix> result;
  for (std::int64_t i = first; i < last; ++i)
    for (std::int64_t j = first; j < i; ++j) result.push_back(unit(n, i, j, 1, -1));
  return result;
}

/// The identity with -1 at the places first .. last - 1.
Matrix sign_matrix(std::int64_t n, std::int64_t first, std::int64_t last) {
  Matrix result = Matrix::identity(n);
  for (std::int64_t i = first; i < last; ++i) result(i, i) = -1;
  return result;
}

GroupStructure structure(Family family, std::optional<Matrix> form, bool volume) {
  return {family, FundamentalInvariants{std::move(form), volume}, {}, {}};
}

MatrixGroup lorentz_with(std::string_view op, const char* suffix, std::int64_t space, std::vector<Matrix> discrete,
                         bool volume) {
  require(space == 1 || space == 3, op, "{} dimensions of space. Take 1 or 3.", space);
  const std::int64_t n = space + 1;
  std::vector<Matrix> generators;
  for (std::int64_t i = 1; i < n; ++i) generators.push_back(unit(n, i, 0, 1, 1));
  for (Matrix& rotation : rotations_of(n, 1, n)) generators.push_back(std::move(rotation));
  return {fmt::format("{}1{}{}", volume ? "SO" : "O", space, suffix), n, generators, discrete,
          structure(Family::generic, sign_matrix(n, 1, n), volume)};
}

}  // namespace

MatrixGroup trivial_group(std::int64_t n) {
  require_size("trivial_group", n);
  return {fmt::format("Trivial({})", n), n, std::vector<Matrix>{}, std::vector<Matrix>{}};
}

MatrixGroup special_orthogonal(std::int64_t n) {
  require_size("special_orthogonal", n);
  return {fmt::format("SO({})", n), n, rotations_of(n, 0, n), std::vector<Matrix>{},
          structure(Family::special_orthogonal, Matrix::identity(n), true)};
}

MatrixGroup orthogonal(std::int64_t n) {
  require_size("orthogonal", n);
  return {fmt::format("O({})", n), n, rotations_of(n, 0, n), std::vector<Matrix>{sign_matrix(n, 0, 1)},
          structure(Family::orthogonal, Matrix::identity(n), false)};
}

MatrixGroup scaling(std::int64_t n) {
  require_size("scaling", n);
  GroupStructure only_scale;
  only_scale.family = Family::scaling;
  return {fmt::format("Scaling({})", n), n, std::vector<Matrix>{Matrix::identity(n)}, std::vector<Matrix>{},
          only_scale};
}

MatrixGroup reflection(std::int64_t n) {
  require_size("reflection", n);
  return {fmt::format("Reflect({})", n), n, std::vector<Matrix>{}, std::vector<Matrix>{sign_matrix(n, 0, 1)}};
}

MatrixGroup proper_lorentz(std::int64_t space) { return lorentz_with("proper_lorentz", "p", space, {}, true); }
MatrixGroup special_lorentz(std::int64_t space) {
  return lorentz_with("special_lorentz", "", space, {sign_matrix(space + 1, 0, space + 1)}, true);
}
MatrixGroup lorentz(std::int64_t space) {
  return lorentz_with("lorentz", "", space, {sign_matrix(space + 1, 0, space + 1), sign_matrix(space + 1, 0, 1)},
                      false);
}
MatrixGroup parity() { return {"Parity", 4, std::vector<Matrix>{}, std::vector<Matrix>{sign_matrix(4, 1, 4)}}; }
MatrixGroup time_reversal() {
  return {"TimeReversal", 4, std::vector<Matrix>{}, std::vector<Matrix>{sign_matrix(4, 0, 1)}};
}

MatrixGroup symplectic(std::int64_t m) {
  require_size("symplectic", 2 * m);
  const std::int64_t n = 2 * m;
  std::vector<Matrix> generators;
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < m; ++j) generators.push_back(unit(n, i, j, 1) - unit(n, m + j, m + i, 1));
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j <= i; ++j) {
      Matrix lower(n, n), upper(n, n);
      lower(m + i, j) = lower(m + j, i) = 1;
      upper(i, m + j) = upper(j, m + i) = 1;
      generators.push_back(std::move(lower));
      generators.push_back(std::move(upper));
    }
  Matrix form(n, n);
  for (std::int64_t i = 0; i < m; ++i) {
    form(i, m + i) = 1;
    form(m + i, i) = -1;
  }
  return {fmt::format("Sp({})", m), n, generators, std::vector<Matrix>{}, structure(Family::generic, form, false)};
}

MatrixGroup special_linear(std::int64_t n) {
  require_size("special_linear", n);
  std::vector<Matrix> generators;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j)
      if (i != j) generators.push_back(unit(n, i, j, 1));
  for (std::int64_t i = 0; i + 1 < n; ++i) generators.push_back(unit(n, i, i, 1) - unit(n, n - 1, n - 1, 1));
  return {fmt::format("SL({})", n), n, generators, std::vector<Matrix>{}, structure(Family::generic, {}, true)};
}

MatrixGroup general_linear(std::int64_t n) {
  require_size("general_linear", n);
  std::vector<Matrix> generators;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) generators.push_back(unit(n, i, j, 1));
  return {fmt::format("GL({})", n), n, generators, std::vector<Matrix>{}, structure(Family::generic, {}, false)};
}

namespace {

/// E_ij - E_ji and i (E_ij + E_ji).
std::vector<ComplexMatrix> off_diagonal_unitary(std::int64_t n) {
  std::vector<ComplexMatrix> generators;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < i; ++j) {
      generators.push_back(to_complex(unit(n, i, j, 1, -1)));
      generators.push_back(scaled(to_complex(unit(n, i, j, 1, 1)), Complex(0, 1)));
    }
  return generators;
}

}  // namespace

MatrixGroup unitary(std::int64_t n) {
  require_size("unitary", n);
  std::vector<ComplexMatrix> generators = off_diagonal_unitary(n);
  for (std::int64_t i = 0; i < n; ++i) generators.push_back(scaled(to_complex(unit(n, i, i, 1)), Complex(0, 1)));
  return {fmt::format("U({})", n), n, std::move(generators), std::vector<ComplexMatrix>{},
          structure(Family::unitary, {}, false)};
}

MatrixGroup special_unitary(std::int64_t n) {
  require_size("special_unitary", n);
  std::vector<ComplexMatrix> generators = off_diagonal_unitary(n);
  for (std::int64_t l = 0; l + 1 < n; ++l) {
    ComplexMatrix diagonal(n, n);
    for (std::int64_t j = 0; j < n; ++j) diagonal(j, j) = Complex(0, j == l ? 1 : -1.0 / static_cast<double>(n - 1));
    generators.push_back(std::move(diagonal));
  }
  return {fmt::format("SU({})", n), n, std::move(generators), std::vector<ComplexMatrix>{},
          structure(Family::special_unitary, {}, true)};
}

MatrixGroup translations(std::int64_t n) {
  require_size("translations", n);
  std::vector<Matrix> generators;
  for (std::int64_t i = 0; i < n; ++i) generators.push_back(unit(n + 1, i, n, 1));
  return {fmt::format("T({})", n), n + 1, generators, std::vector<Matrix>{}};
}

MatrixGroup homogeneous_rotations(std::int64_t n) {
  require_size("homogeneous_rotations", n);
  return {fmt::format("RotationGroup({})", n), n + 1, rotations_of(n + 1, 0, n), std::vector<Matrix>{}};
}

MatrixGroup special_euclidean(std::int64_t n) {
  const MatrixGroup group = generated_by({translations(n), homogeneous_rotations(n)});
  const auto lie = group.lie_generators();
  return {fmt::format("SE({})", n), n + 1, std::vector<ComplexMatrix>(lie.begin(), lie.end()),
          std::vector<ComplexMatrix>{}};
}

MatrixGroup euclidean(std::int64_t n) {
  const MatrixGroup connected = special_euclidean(n);
  const auto lie = connected.lie_generators();
  return {fmt::format("E({})", n), n + 1, std::vector<ComplexMatrix>(lie.begin(), lie.end()),
          std::vector<ComplexMatrix>{to_complex(sign_matrix(n + 1, 0, 1))}};
}

}  // namespace orbitgrad::groups
