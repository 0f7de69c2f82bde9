// The numbers of a lattice group as kernels read them, made once per group. Included by op sources only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "groups/lattice_group.hpp"

namespace orbitgrad {

struct LatticeTables {
  std::int64_t order = 1;
  std::vector<std::int32_t> matrices;        // [S, 4]
  std::vector<std::int32_t> filter_element;  // [S, S], index(h_s^-1 h_t)
};

/// Shared by all calls with the same matrices. Error of `op` unless every matrix maps the square or the
/// hexagonal lattice onto itself.
std::shared_ptr<const LatticeTables> lattice_tables(std::string_view op, const groups::LatticeGroup& group);

}  // namespace orbitgrad
