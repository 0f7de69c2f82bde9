#include "kernels/group_conv2d/tuning.hpp"

#include <gtest/gtest.h>

#include "kernels/group_conv2d/cost.hpp"
#include "kernels/group_conv2d/orbit_reads.hpp"
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
    const auto by_cost = choice();
    letter = GroupConv2dTuning::orbit_gather;
    EXPECT_EQ(choice(), "orbit_gather");
    letter = GroupConv2dTuning::irrep_blocks;
    EXPECT_EQ(choice(), "irrep_blocks");
    letter = GroupConv2dTuning::expanded;
    EXPECT_EQ(choice(), "expanded");
    letter = GroupConv2dTuning::by_cost;
    EXPECT_EQ(choice(), by_cost);
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

TEST(GroupConv2dCost, CountsTheTapsThatLiftingTransforms) {
  for (const char* group : {"p1", "p2", "pm", "p4", "p4m"})
    for (const std::int64_t kernel : {1, 3, 5, 7}) {
      const LatticeTables tables(group);
      kernels::GroupConv2dCell cell{};
      cell.order = static_cast<std::int64_t>(tables.matrices.size()) / 4;
      cell.lifts = true, cell.fields = 2, cell.kernel = kernel, cell.positions = 64;
      const GroupConv2dProblem problem = problem_of(cell, tables);
      const auto reads = kernels::orbit_reads(problem);
      EXPECT_EQ(kernels::group_conv2d_cost::tap_orbits(problem), reads.taps) << group << ' ' << kernel;
    }
}

TEST(GroupConv2dCost, ManyFieldsTakeBlocksAndOneOnAPixelTakesTheGather) {
  for (const char* group : {"p2", "pm", "p4", "p4m"})
    for (const std::int64_t positions : {64, 4096}) {
      const LatticeTables tables(group);
      kernels::GroupConv2dCell cell{};
      cell.order = static_cast<std::int64_t>(tables.matrices.size()) / 4;
      cell.fields = 64, cell.kernel = 3, cell.positions = positions;
      GroupConv2dProblem problem = problem_of(cell, tables);
      EXPECT_EQ(kernels::cpu::choose_group_conv2d_forward<float>(problem), "irrep_blocks");
      EXPECT_EQ(kernels::cpu::choose_group_conv2d_input_gradient<double>(problem), "irrep_blocks");
      EXPECT_EQ(kernels::cpu::choose_group_conv2d_filter_gradient<float>(problem), "irrep_blocks");
      cell.fields = 1, cell.kernel = 1, cell.positions = 1;
      problem = problem_of(cell, tables);
      EXPECT_EQ(kernels::cpu::choose_group_conv2d_forward<float>(problem), "orbit_gather");
      EXPECT_EQ(kernels::cpu::choose_group_conv2d_input_gradient<float>(problem), "orbit_gather");
      EXPECT_EQ(kernels::cpu::choose_group_conv2d_filter_gradient<double>(problem), "orbit_gather");
    }
}

TEST(GroupConv2dCost, EmptyProblemsHaveAChoiceToo) {
  const LatticeTables tables("p4m");
  kernels::GroupConv2dCell cell{};
  cell.order = 8, cell.fields = 2, cell.kernel = 3, cell.positions = 64;
  for (const bool lifts : {false, true})
    for (int empty = 0; empty < 4; ++empty) {
      cell.lifts = lifts;
      GroupConv2dProblem problem = problem_of(cell, tables);
      if (empty == 1 || empty == 3) problem.in_fields = 0;
      if (empty == 2 || empty == 3) problem.out_fields = 0;
      if (empty == 0) problem.batch = 0;
      EXPECT_FALSE(kernels::cpu::choose_group_conv2d_forward<float>(problem).empty());
      EXPECT_FALSE(kernels::cpu::choose_group_conv2d_input_gradient<float>(problem).empty());
      EXPECT_FALSE(kernels::cpu::choose_group_conv2d_filter_gradient<float>(problem).empty());
    }
}

/// The automatic forward never loses its symmetry to speed: with no table it takes no dense form.
TEST(GroupConv2dCost, TheForwardIsNeverDense) {
  for (std::int64_t index = 0; index < GroupConv2dTuning::cells; ++index) {
    const auto cell = kernels::group_conv2d_cell(index);
    const LatticeTables tables(group_of(cell.order));
    for (const std::int64_t stride : {1, 2}) {
      GroupConv2dProblem problem = problem_of(cell, tables);
      problem.stride = stride;
      EXPECT_NE(kernels::cpu::choose_group_conv2d_forward<float>(problem), "expanded") << index;
    }
  }
}

}  // namespace
}  // namespace orbitgrad::testing
