#include "groups/voxel_group.hpp"

#include <fmt/ranges.h>

#include <cstdlib>
#include <map>
#include <utility>

#include "groups/error.hpp"

namespace orbitgrad::groups {
namespace {

constexpr std::string_view op = "voxel_group";
constexpr VoxelMatrix identity_matrix = {1, 0, 0, 0, 1, 0, 0, 0, 1};
constexpr VoxelMatrix inversion = {-1, 0, 0, 0, -1, 0, 0, 0, -1};
constexpr VoxelMatrix quarter_turn = {1, 0, 0, 0, 0, -1, 0, 1, 0};  // about the depth axis
constexpr VoxelMatrix half_turn = {1, 0, 0, 0, -1, 0, 0, 0, -1};    // about the depth axis
constexpr VoxelMatrix row_half_turn = {-1, 0, 0, 0, 1, 0, 0, 0, -1};
constexpr VoxelMatrix third_turn = {0, 0, 1, 1, 0, 0, 0, 1, 0};  // about the diagonal
constexpr VoxelMatrix mirror = {1, 0, 0, 0, 0, 1, 0, 1, 0};      // changes rows and columns

VoxelMatrix multiply(const VoxelMatrix& a, const VoxelMatrix& b) {
  VoxelMatrix result{};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j)
      for (std::size_t k = 0; k < 3; ++k) result[3 * i + j] += a[3 * i + k] * b[3 * k + j];
  return result;
}

/// One entry +1 or -1 in every row and column.
bool is_signed_permutation(const VoxelMatrix& m) {
  for (std::size_t i = 0; i < 3; ++i) {
    int row = 0, column = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      if (m[3 * i + j] < -1 || m[3 * i + j] > 1) return false;
      row += std::abs(m[3 * i + j]), column += std::abs(m[3 * j + i]);
    }
    if (row != 1 || column != 1) return false;
  }
  return true;
}

const std::map<std::string, std::vector<VoxelMatrix>, std::less<>>& generators_by_name() {
  static const std::map<std::string, std::vector<VoxelMatrix>, std::less<>> result = {
      {"C1", {}},
      {"Ci", {inversion}},
      {"C2", {half_turn}},
      {"C4", {quarter_turn}},
      {"D4", {quarter_turn, row_half_turn}},
      {"T", {half_turn, third_turn}},
      {"Td", {half_turn, third_turn, mirror}},
      {"Th", {half_turn, third_turn, inversion}},
      {"O", {quarter_turn, third_turn}},
      {"Oh", {quarter_turn, third_turn, inversion}}};
  return result;
}

}  // namespace

std::vector<std::int32_t> VoxelGroup::filter_element_table() const {
  std::vector<std::int32_t> table;
  for (int s = 0; s < order(); ++s)
    for (int t = 0; t < order(); ++t) table.push_back(group.product(group.inverse(s), t));
  return table;
}

void require_voxel_group(std::string_view where, const VoxelGroup& voxel_group) {
  const auto& [group, matrices, name] = voxel_group;
  const auto order = static_cast<std::size_t>(group.order());
  require(matrices.size() == order, where, "{} has {} matrices for {} elements. Make it with voxel_group(...).", name,
          matrices.size(), order);
  require(matrices[0] == identity_matrix && group.identity() == 0, where,
          "the first element of {} is not the identity. Make it with voxel_group(...).", name);
  const auto matrix = [&](int s) { return matrices[static_cast<std::size_t>(s)]; };
  for (int s = 0; s < group.order(); ++s) {
    require(is_signed_permutation(matrix(s)), where,
            "a matrix of {} is no symmetry of a cubic kernel. Make it with voxel_group(...).", name);
    require(s == 0 || matrix(s) != identity_matrix, where,
            "the elements 0 and {} of {} have the same matrix. Make it with voxel_group(...).", s, name);
    for (const int g : group.generators())  // which fixes all products
      require(multiply(matrix(g), matrix(s)) == matrix(group.product(g, s)), where,
              "the matrices of {} do not multiply as its table says: see the elements {} and {}. Make it with "
              "voxel_group(...).",
              name, g, s);
  }
}

VoxelGroup voxel_group_from_generators(const std::string& name, const std::vector<VoxelMatrix>& generators) {
  for (const VoxelMatrix& generator : generators)
    require(is_signed_permutation(generator), op,
            "{}: the matrix {} does not permute the three axes up to sign. Give each row and column one entry +1 or "
            "-1.",
            name, fmt::join(generator, ", "));
  std::vector<VoxelMatrix> matrices = {identity_matrix};
  std::map<VoxelMatrix, int> index = {{identity_matrix, 0}};
  for (std::size_t i = 0; i < matrices.size(); ++i)
    for (const VoxelMatrix& generator : generators) {
      const VoxelMatrix product = multiply(generator, matrices[i]);
      if (index.emplace(product, static_cast<int>(matrices.size())).second) matrices.push_back(product);
    }
  std::vector<int> table;
  for (const VoxelMatrix& a : matrices)
    for (const VoxelMatrix& b : matrices) table.push_back(index.at(multiply(a, b)));
  const auto order = static_cast<std::int64_t>(matrices.size());
  return {FiniteGroup(name, order, std::move(table)), std::move(matrices), name};
}

const std::vector<std::string>& voxel_group_names() {
  static const std::vector<std::string> names = {"C1", "Ci", "C2", "C4", "D4", "T", "Td", "Th", "O", "Oh"};
  return names;
}

VoxelGroup voxel_group(std::string_view name) {
  const auto found = generators_by_name().find(name);
  if (found == generators_by_name().end())
    fail(op, "there is no voxel group '{}'. Choose one of {}.", name, fmt::join(voxel_group_names(), ", "));
  return voxel_group_from_generators(found->first, found->second);
}

}  // namespace orbitgrad::groups
