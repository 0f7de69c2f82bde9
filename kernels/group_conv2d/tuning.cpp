#include "kernels/group_conv2d/tuning.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace orbitgrad::kernels {
namespace {

constexpr std::int64_t kernels_of_cells[] = {1, 3, 5};
const GroupConv2dTuning* in_use = nullptr;

std::int64_t nearest_step(double logarithm, std::int64_t steps) {
  return std::clamp<std::int64_t>(std::lround(logarithm), 0, steps - 1);
}

}  // namespace

GroupConv2dCell group_conv2d_cell(std::int64_t index) {
  const auto next = [&index](std::int64_t steps) {
    const std::int64_t step = index % steps;
    index /= steps;
    return step;
  };
  GroupConv2dCell cell{};
  cell.positions = std::int64_t{64} << (3 * next(4));
  cell.kernel = kernels_of_cells[next(3)];
  cell.fields = std::int64_t{1} << next(6);
  cell.lifts = next(2) == 1;
  cell.order = std::int64_t{2} << next(3);
  cell.direction = static_cast<GroupConv2dDirection>(next(3));
  return cell;
}

std::int64_t nearest_group_conv2d_cell(GroupConv2dDirection direction, const GroupConv2dProblem& problem) {
  const std::int64_t positions = problem.batch * problem.out_height() * problem.out_width();
  const std::int64_t fields = problem.in_fields * problem.out_fields;
  const bool is_measured = problem.order == 2 || problem.order == 4 || problem.order == 8;
  if (problem.stride > 1 || !is_measured || positions <= 0 || fields <= 0) return -1;
  const std::int64_t order = problem.order == 2 ? 0 : problem.order == 4 ? 1 : 2;
  const double mean_fields =
      std::log2(static_cast<double>(fields)) / 2 - std::log2(static_cast<double>(problem.groups));
  std::int64_t cell = static_cast<std::int64_t>(direction);
  cell = cell * 3 + order;
  cell = cell * 2 + (problem.in_order == problem.order ? 0 : 1);
  cell = cell * 6 + nearest_step(mean_fields, 6);
  cell = cell * 3 + std::clamp<std::int64_t>(problem.kernel / 2, 0, 2);
  return cell * 4 + nearest_step(std::log2(static_cast<double>(positions)) / 3 - 2, 4);
}

const GroupConv2dTuning* use_group_conv2d_tuning(const GroupConv2dTuning* table) {
  return std::exchange(in_use, table);
}

char tuned_group_conv2d(GroupConv2dDirection direction, const GroupConv2dProblem& problem) {
  if (in_use == nullptr) return GroupConv2dTuning::by_cost;
  const std::int64_t cell = nearest_group_conv2d_cell(direction, problem);
  return cell < 0 ? GroupConv2dTuning::by_cost : in_use->choice[static_cast<std::size_t>(cell)];
}

}  // namespace orbitgrad::kernels
