#include "kernels/group_conv2d/tuning.hpp"

#include <gtest/gtest.h>

#include "tests/kernels/group_conv2d_case.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::GroupConv2dDirection;
using kernels::GroupConv2dProblem;
using kernels::GroupConv2dTuning;

/// A problem with the sizes of a cell: one row of positions.
GroupConv2dProblem problem_of(const kernels::GroupConv2dCell& cell, const LatticeTables& tables) {
  GroupConv2dProblem problem;
  problem.batch = 1, problem.in_height = cell.kernel, problem.in_width = cell.positions + cell.kernel - 1;
  problem.in_fields = problem.out_fields = cell.fields;
  problem.order = cell.order, problem.in_order = cell.lifts ? 1 : cell.order, problem.kernel = cell.kernel;
  problem.matrices = tables.matrices.data(), problem.filter_element = tables.element.data();
  return problem;
}

const char* group_of(std::int64_t order) { return order == 2 ? "p2" : order == 4 ? "p4" : "p4m"; }

/// Takes the table away again.
struct ScopedTuning {
  explicit ScopedTuning(const GroupConv2dTuning& table) { kernels::use_group_conv2d_tuning(&table); }
  ~ScopedTuning() { kernels::use_group_conv2d_tuning(nullptr); }
};

TEST(GroupConv2dTuning, EveryCellIsTheNearestToItsOwnSizes) {
  for (std::int64_t index = 0; index < GroupConv2dTuning::cells; ++index) {
    const auto cell = kernels::group_conv2d_cell(index);
    const LatticeTables tables(group_of(cell.order));
    EXPECT_EQ(kernels::nearest_group_conv2d_cell(cell.direction, problem_of(cell, tables)), index);
  }
}

TEST(GroupConv2dTuning, DecidesTheChoiceWhereItHasOne) {
  const LatticeTables tables("p4");
  GroupConv2dTuning table;
  const ScopedTuning in_use(table);
  for (std::int64_t index = 0; index < GroupConv2dTuning::cells; ++index) {
    const auto cell = kernels::group_conv2d_cell(index);
    if (cell.order != 4 || cell.lifts || cell.direction != GroupConv2dDirection::input_gradient) continue;
    const GroupConv2dProblem problem = problem_of(cell, tables);
    char& letter = table.choice[static_cast<std::size_t>(index)];
    const auto choice = [&] { return kernels::cpu::choose_group_conv2d_input_gradient<float>(problem); };
    const auto by_thresholds = choice();
    letter = GroupConv2dTuning::orbit_gather;
    EXPECT_EQ(choice(), "orbit_gather");
    letter = GroupConv2dTuning::irrep_blocks;
    EXPECT_EQ(choice(), "irrep_blocks");
    letter = GroupConv2dTuning::expanded;
    EXPECT_EQ(choice(), "expanded");
    letter = GroupConv2dTuning::thresholds;
    EXPECT_EQ(choice(), by_thresholds);
  }
}

TEST(GroupConv2dTuning, AForcedImplementationAndAStrideGoBeforeIt) {
  const LatticeTables tables("p4");
  GroupConv2dTuning table;
  table.choice.fill(GroupConv2dTuning::expanded);
  GroupConv2dProblem problem = problem_of(kernels::group_conv2d_cell(0), tables);
  problem.order = problem.in_order = 4, problem.in_height = problem.in_width = 9, problem.kernel = 3;
  const ScopedTuning in_use(table);
  EXPECT_EQ(kernels::cpu::choose_group_conv2d_forward<float>(problem), "expanded");
  problem.implementation = "orbit_gather";
  EXPECT_EQ(kernels::cpu::choose_group_conv2d_forward<float>(problem), "orbit_gather");
  problem.implementation = {};
  problem.stride = 2;
  EXPECT_NE(kernels::cpu::choose_group_conv2d_forward<float>(problem), "expanded");
}

}  // namespace
}  // namespace orbitgrad::testing
