#include "engine/ops/lattice_tables.hpp"

#include <algorithm>
#include <map>
#include <mutex>

#include "engine/error.hpp"

namespace orbitgrad {

namespace {

// The matrices fix the products, so they are the key: two groups of one name may differ.
using Cache = std::map<std::vector<groups::LatticeMatrix>, std::shared_ptr<const LatticeTables>>;

std::shared_ptr<const LatticeTables> make_tables(std::string_view op, const groups::LatticeGroup& group) {
  auto tables = std::make_shared<LatticeTables>();
  tables->order = group.order();
  for (const groups::LatticeMatrix& m : group.matrices) {
    // Lengths on the lattice: row^2 + col^2, or row^2 + row col + col^2 where the axes meet at 60 degrees.
    const int mixed = group.is_hexagonal() ? 1 : 0;
    const auto length = [&](int row, int col) { return row * row + mixed * row * col + col * col; };
    const bool is_small = std::ranges::all_of(m, [](int entry) { return entry >= -1 && entry <= 1; });
    const bool keeps_lengths =
        is_small && length(m[0], m[2]) == 1 && length(m[1], m[3]) == 1 && length(m[0] + m[1], m[2] + m[3]) == 2 + mixed;
    require(
        keeps_lengths, op,
        "the matrix [[{}, {}], [{}, {}]] of {} is no symmetry of a square or hexagonal kernel. Use one of p1, p2, p4, "
        "pm, p4m, p6, p6m.",
        m[0], m[1], m[2], m[3], group.name);
    tables->matrices.insert(tables->matrices.end(), m.begin(), m.end());
  }
  tables->filter_element = group.filter_element_table();
  return tables;
}

}  // namespace

std::shared_ptr<const LatticeTables> lattice_tables(std::string_view op, const groups::LatticeGroup& group) {
  static std::mutex mutex;
  static Cache cache;
  const std::lock_guard lock(mutex);
  auto& entry = cache[group.matrices];
  if (entry == nullptr) entry = make_tables(op, group);
  return entry;
}

}  // namespace orbitgrad
