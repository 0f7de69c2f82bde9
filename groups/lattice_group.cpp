#include "groups/lattice_group.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "groups/error.hpp"
#include "groups/printable.hpp"

namespace orbitgrad::groups {
namespace {

constexpr std::string_view op = "lattice_group";
constexpr LatticeMatrix identity_matrix = {1, 0, 0, 1};
constexpr LatticeMatrix quarter_turn = {0, -1, 1, 0};
constexpr LatticeMatrix flip_rows = {-1, 0, 0, 1};
constexpr LatticeMatrix flip_columns = {1, 0, 0, -1};
constexpr LatticeMatrix sixth_turn = {0, -1, 1, 1};
constexpr LatticeMatrix swap_axes = {0, 1, 1, 0};

LatticeMatrix multiply(const LatticeMatrix& a, const LatticeMatrix& b) {
  const auto entry = [&](std::size_t row, std::size_t col) {
    return a[2 * row] * b[col] + a[2 * row + 1] * b[2 + col];
  };
  return {entry(0, 0), entry(0, 1), entry(1, 0), entry(1, 1)};
}

std::string to_text(const LatticeMatrix& m) { return fmt::format("[[{}, {}], [{}, {}]]", m[0], m[1], m[2], m[3]); }

/// left, left turn, left turn^2, ... count of them.
void append_turns(std::vector<LatticeMatrix>& matrices, LatticeMatrix left, const LatticeMatrix& turn, int count) {
  for (int r = 0; r < count; ++r, left = multiply(left, turn)) matrices.push_back(left);
}

}  // namespace

bool LatticeGroup::has_quarter_turns() const {
  return std::any_of(matrices.begin(), matrices.end(), [](const LatticeMatrix& m) { return m[1] != 0 || m[2] != 0; });
}

bool LatticeGroup::is_hexagonal() const {
  return std::any_of(matrices.begin(), matrices.end(),
                     [](const LatticeMatrix& m) { return (m[0] != 0 && m[1] != 0) || (m[2] != 0 && m[3] != 0); });
}

std::vector<std::int32_t> LatticeGroup::filter_element_table() const {
  std::vector<std::int32_t> table;
  table.reserve(static_cast<std::size_t>(order()) * static_cast<std::size_t>(order()));
  for (int s = 0; s < order(); ++s) {
    for (int t = 0; t < order(); ++t) table.push_back(group.product(group.inverse(s), t));
  }
  return table;
}

LatticeGroup lattice_group_from_matrices(const std::string& name, std::vector<LatticeMatrix> matrices,
                                         std::vector<std::string> element_names) {
  FiniteGroup::require_order(op, static_cast<std::int64_t>(matrices.size()));
  constexpr int largest_entry = 1 << 14;  // products stay within int
  std::map<LatticeMatrix, int> index;
  for (const auto& matrix : matrices) {
    for (const int entry : matrix) {
      if (entry < -largest_entry || entry > largest_entry) {
        fail(op, "{}: the entries of {} are too large. Choose a basis in which they are small.", name, to_text(matrix));
      }
    }
    const auto [place, is_new] = index.emplace(matrix, static_cast<int>(index.size()));
    if (!is_new) {
      fail(op, "{}: element {} repeats the matrix {} of element {}. List each matrix once.", name, index.size(),
           to_text(matrix), place->second);
    }
  }
  std::vector<int> table;
  table.reserve(matrices.size() * matrices.size());
  for (const auto& a : matrices) {
    for (const auto& b : matrices) {
      const auto place = index.find(multiply(a, b));
      if (place == index.end()) {
        fail(op, "{}: {} times {} is {}, which is not in the list. Add the missing matrices.", name, to_text(a),
             to_text(b), to_text(multiply(a, b)));
      }
      table.push_back(place->second);
    }
  }
  const auto order = static_cast<std::int64_t>(matrices.size());
  return {FiniteGroup(name, order, std::move(table), std::move(element_names)), std::move(matrices), name};
}

const std::vector<std::string>& lattice_group_names() {
  static const std::vector<std::string> names = {"p1", "p2", "p4", "pm", "p4m"};
  return names;
}

const std::vector<std::string>& hexagonal_group_names() {
  static const std::vector<std::string> names = {"p6", "p6m"};
  return names;
}

LatticeGroup lattice_group(std::string_view name) {
  std::vector<LatticeMatrix> matrices;
  std::vector<std::string> element_names;
  if (name == "p1") {
    matrices = {identity_matrix};
    element_names = {"e"};
  } else if (name == "p2") {
    append_turns(matrices, identity_matrix, multiply(quarter_turn, quarter_turn), 2);
    element_names = {"e", "r2"};
  } else if (name == "p4") {
    append_turns(matrices, identity_matrix, quarter_turn, 4);
    element_names = {"e", "r", "r2", "r3"};
  } else if (name == "pm") {
    matrices = {identity_matrix, flip_columns};
    element_names = {"e", "m"};
  } else if (name == "p4m") {
    append_turns(matrices, identity_matrix, quarter_turn, 4);
    append_turns(matrices, flip_rows, quarter_turn, 4);
    element_names = {"e", "r", "r2", "r3", "m", "mr", "mr2", "mr3"};
  } else if (name == "p6" || name == "p6m") {
    append_turns(matrices, identity_matrix, sixth_turn, 6);
    element_names = {"e", "r", "r2", "r3", "r4", "r5"};
    if (name == "p6m") {
      append_turns(matrices, swap_axes, sixth_turn, 6);
      for (const char* mirrored : {"m", "mr", "mr2", "mr3", "mr4", "mr5"}) element_names.emplace_back(mirrored);
    }
  } else {
    std::string all_names;
    for (const auto* names : {&lattice_group_names(), &hexagonal_group_names()}) {
      for (const auto& known : *names) {
        if (!all_names.empty()) all_names += ", ";
        all_names += known;
      }
    }
    fail(op, "there is no lattice group '{}'. Choose one of {}.", printable(name), all_names);
  }
  return lattice_group_from_matrices(std::string(name), std::move(matrices), std::move(element_names));
}

}  // namespace orbitgrad::groups
