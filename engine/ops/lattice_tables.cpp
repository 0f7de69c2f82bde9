#include "engine/ops/lattice_tables.hpp"

#include <cstdlib>
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
    const bool keeps_axes = std::abs(m[0]) == 1 && std::abs(m[3]) == 1 && m[1] == 0 && m[2] == 0;
    const bool swaps_axes = std::abs(m[1]) == 1 && std::abs(m[2]) == 1 && m[0] == 0 && m[3] == 0;
    require(keeps_axes || swaps_axes, op,
            "the matrix [[{}, {}], [{}, {}]] of {} is no symmetry of a square kernel. Use one of p1, p2, p4, pm, p4m.",
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
