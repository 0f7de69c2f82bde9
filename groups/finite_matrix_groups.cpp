#include "groups/finite_matrix_groups.hpp"

#include <algorithm>
#include <array>
#include <numbers>
#include <numeric>

namespace orbitgrad::groups {

namespace {

constexpr std::int64_t max_size = 1024;

void require_size(std::string_view op, std::int64_t n) {
  require(n >= 1 && n <= max_size, op, "size {}. Take one in 1 .. {}.", n, max_size);
}

Matrix plane_rotation(std::int64_t k) {
  const double angle = 2 * std::numbers::pi / static_cast<double>(k);
  const auto exact = [](double value) { return std::abs(value) < 1e-15 ? 0.0 : value; };  // half and quarter turns
  const double c = exact(std::cos(angle)), s = exact(std::sin(angle));
  return {2, 2, {c, s, -s, c}};
}

/// Rotation by an angle about a unit axis (Rodrigues).
Matrix space_rotation(std::array<double, 3> axis, double angle) {
  const auto [x, y, z] = axis;
  const Matrix cross(3, 3, {0, -z, y, z, 0, -x, -y, x, 0});
  return Matrix::identity(3) + scaled(cross, std::sin(angle)) + scaled(cross * cross, 1 - std::cos(angle));
}

std::vector<int> range(std::int64_t n) {
  std::vector<int> result(static_cast<std::size_t>(n));
  std::iota(result.begin(), result.end(), 0);
  return result;
}

}  // namespace

MatrixGroup plane_cyclic(std::int64_t k) {
  require_size("plane_cyclic", k);
  return {fmt::format("C({})", k), 2, std::vector<Matrix>{}, std::vector<Matrix>{plane_rotation(k)}};
}

MatrixGroup plane_dihedral(std::int64_t k) {
  require_size("plane_dihedral", k);
  return {fmt::format("D({})", k), 2, std::vector<Matrix>{},
          std::vector<Matrix>{plane_rotation(k), Matrix(2, 2, {-1, 0, 0, 1})}};
}

MatrixGroup dicyclic(std::int64_t n) {
  require_size("dicyclic", n);
  const Matrix turn = transpose(plane_rotation(2 * n)), j(4, 4, {0, 0, -1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, -1, 0, 0});
  return {fmt::format("Dic({})", n), 4, {}, {kronecker(Matrix::identity(2), turn), j}};
}

const std::vector<std::string>& point_group_names() {
  static const std::vector<std::string> names{"O", "Oh", "T", "Td", "I", "Ih"};
  return names;
}

MatrixGroup point_group(const std::string& name) {
  const auto& names = point_group_names();
  require(std::ranges::find(names, name) != names.end(), "point_group", "no point group \"{}\". Take one of {}.", name,
          fmt::join(names, ", "));
  const Matrix thirds(3, 3, {0, 0, 1, 1, 0, 0, 0, 1, 0});
  std::vector<Matrix> generators{thirds, Matrix(3, 3, {-1, 0, 0, 0, -1, 0, 0, 0, 1})};
  if (name[0] == 'O') generators.push_back(Matrix(3, 3, {0, -1, 0, 1, 0, 0, 0, 0, 1}));
  if (name == "Td") generators.push_back(Matrix(3, 3, {0, 1, 0, 1, 0, 0, 0, 0, 1}));
  if (name[0] == 'I') {
    const double golden = std::numbers::phi, length = std::sqrt(1 + golden * golden);
    generators.push_back(space_rotation({0, 1 / length, golden / length}, 2 * std::numbers::pi / 5));
  }
  if (name == "Oh" || name == "Ih") generators.push_back(scaled(Matrix::identity(3), -1.0));
  return {name, 3, std::vector<Matrix>{}, generators};
}

MatrixGroup permutation_matrices(std::string name, const std::vector<Permutation>& generators) {
  require(!generators.empty(), "permutation_matrices", "{}: no generator. Give the identity at least.", name);
  const std::int64_t n = generators[0].degree();
  std::vector<Matrix> matrices;
  for (const Permutation& generator : generators) {
    require(generator.degree() == n, "permutation_matrices", "{}: degrees {} and {}. Give all generators one degree.",
            name, n, generator.degree());
    Matrix matrix(n, n);
    for (int i = 0; i < n; ++i) matrix(generator(i), i) = 1;
    matrices.push_back(std::move(matrix));
  }
  return {std::move(name), n, std::vector<Matrix>{}, matrices};
}

MatrixGroup cyclic_shifts(std::int64_t n) {
  require_size("cyclic_shifts", n);
  std::vector<int> images = range(n);
  std::ranges::rotate(images, images.begin() + 1);
  return permutation_matrices(fmt::format("Z({})", n), {Permutation(images)});
}

MatrixGroup symmetric_matrices(std::int64_t n) {
  require(n >= 1 && n <= 128, "symmetric_matrices", "size {}. Take one in 1 .. 128.", n);
  std::vector<Matrix> matrices;
  for (std::int64_t k = 1; k < n; ++k) {
    Matrix matrix = Matrix::identity(n);
    matrix(0, 0) = matrix(k, k) = 0;
    matrix(0, k) = matrix(k, 0) = 1;
    matrices.push_back(std::move(matrix));
  }
  GroupStructure structure;
  structure.family = Family::symmetric;
  return {fmt::format("S({})", n), n, std::vector<Matrix>{}, matrices, structure};
}

MatrixGroup cube_faces() {
  return permutation_matrices("Cube", {Permutation({4, 1, 0, 3, 5, 2}), Permutation({3, 0, 2, 5, 4, 1})});
}

MatrixGroup torus_turns(std::int64_t k, std::int64_t n) {
  require(k == 2 || k == 4, "torus_turns", "{} turns. Take 2 or 4.", k);
  require(n >= 1 && n <= 16, "torus_turns", "a torus of {}. Take 1 .. 16.", n);
  const auto place = [&](std::int64_t turn, std::int64_t row, std::int64_t col) {
    return static_cast<int>(((turn % k) * n + row % n) * n + col % n);
  };
  std::vector<int> down = range(k * n * n), right = down, turned = down;
  for (std::int64_t t = 0; t < k; ++t)
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        const auto from = static_cast<std::size_t>(place(t, i, j));
        down[from] = place(t, i + 1, j);
        right[from] = place(t, i, j + 1);
        turned[from] = k == 4 ? place(t + 1, n - 1 - j, i) : place(t + 1, n - 1 - i, n - 1 - j);
      }
  return permutation_matrices(fmt::format("Z{}sZnxZn({})", k, n),
                              {Permutation(down), Permutation(right), Permutation(turned)});
}

}  // namespace orbitgrad::groups
