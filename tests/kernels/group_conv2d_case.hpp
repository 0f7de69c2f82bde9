// A case of the group convolution's tables: the group by name and the sizes, and the problem made of them.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "groups/lattice_group.hpp"
#include "kernels/group_conv2d/group_conv2d.hpp"

namespace orbitgrad::testing {

/// A lattice group as the plain tables that the kernel takes.
struct LatticeTables {
  explicit LatticeTables(const std::string& name)
      : group(groups::lattice_group(name)), element(group.filter_element_table()) {
    for (const auto& matrix : group.matrices)
      for (const int entry : matrix) matrices.push_back(entry);
  }
  groups::LatticeGroup group;
  std::vector<std::int32_t> matrices, element;
};

struct GroupConv2dCase {
  std::string group;
  bool lift;
  std::int64_t batch, in, out, height, width, kernel, stride = 1, padding = 0, dilation = 1, groups = 1;
};

inline kernels::GroupConv2dProblem problem_of(const GroupConv2dCase& c, const LatticeTables& tables) {
  kernels::GroupConv2dProblem p;
  p.order = tables.group.order();
  p.in_order = c.lift ? 1 : p.order;
  p.batch = c.batch, p.in_fields = c.in, p.out_fields = c.out, p.in_height = c.height, p.in_width = c.width;
  p.kernel = c.kernel, p.stride = c.stride, p.padding = c.padding, p.dilation = c.dilation, p.groups = c.groups;
  p.matrices = tables.matrices.data(), p.filter_element = tables.element.data();
  return p;
}

inline std::string describe(const GroupConv2dCase& c) {
  return fmt::format("{} {} batch {} fields {}->{} image {}x{} kernel {} stride {} padding {} dilation {} groups {}",
                     c.group, c.lift ? "lift" : "group", c.batch, c.in, c.out, c.height, c.width, c.kernel, c.stride,
                     c.padding, c.dilation, c.groups);
}

}  // namespace orbitgrad::testing
