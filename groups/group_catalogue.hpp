// Matrix groups by name: "SO(3)", "Embed(O(2),3,0,1)", "Union(SO(3),Scaling(3))".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "groups/finite_group.hpp"
#include "groups/matrix_group.hpp"

namespace orbitgrad::groups {

struct CatalogueEntry {
  std::string usage;        // "SO(n)"
  std::string description;  // one line
};
[[nodiscard]] const std::vector<CatalogueEntry>& group_catalogue();

/// The group of that name. Error with a caret under the place: no such group, a wrong number of arguments.
[[nodiscard]] MatrixGroup parse_group(std::string_view text);

/// All elements of a finite one, or a lattice group: "C(8)", "S(4)", "I", "Dic(2)", "p4m". Errors also: infinitely many
/// elements, more than FiniteGroup::max_order, matrices larger than 64.
[[nodiscard]] FiniteGroup parse_finite_group(std::string_view text);

}  // namespace orbitgrad::groups
