// A measured choice among the implementations of group convolution: a table over direction, group order, lifting,
// fields, kernel size and output positions, in steps of 2 to 8. `orbitgrad tune` fills it (engine/tuning.hpp); without
// it the costs of cost.hpp decide.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/group_conv2d/group_conv2d.hpp"

namespace orbitgrad::kernels {

enum class GroupConv2dDirection { forward, input_gradient, filter_gradient };

struct GroupConv2dTuning {
  /// A letter of a cell: the implementation to take, or that of the least cost where nothing was measured.
  static constexpr char by_cost = '.', orbit_gather = 'o', irrep_blocks = 'b', expanded = 'e';
  static constexpr std::int64_t cells = 3 * 3 * 2 * 6 * 3 * 4;
  std::array<char, cells> choice;

  GroupConv2dTuning() { choice.fill(by_cost); }
};

/// What a cell of the table stands for.
struct GroupConv2dCell {
  GroupConv2dDirection direction;
  std::int64_t order;      ///< 2, 4 or 8
  bool lifts;              ///< from images
  std::int64_t fields;     ///< 1, 2, 4 ... 32: of input and output, their geometric mean
  std::int64_t kernel;     ///< 1, 3 or 5
  std::int64_t positions;  ///< 8^2, 8^3, 8^4 or 8^5: of the output, over the batch
};
GroupConv2dCell group_conv2d_cell(std::int64_t index);

/// The cell nearest to a problem on a logarithmic scale; -1 for those that the costs alone decide: with a stride,
/// without a symmetry, on hexagons, empty.
std::int64_t nearest_group_conv2d_cell(GroupConv2dDirection direction, const GroupConv2dProblem& problem);

/// The table that the automatic choice of the cpu asks from now on; null: none. It outlives all calls, and no group
/// convolution runs meanwhile. Returns the one before.
const GroupConv2dTuning* use_group_conv2d_tuning(const GroupConv2dTuning* table);
/// The letter for a problem in the table in use.
char tuned_group_conv2d(GroupConv2dDirection direction, const GroupConv2dProblem& problem);

}  // namespace orbitgrad::kernels
