// The plots of the report, and the groups of cells that its tables and plots show.
#pragma once

#include <string>
#include <vector>

#include "experiments/symmetry_cloning/report.hpp"

namespace orbitgrad::experiments {

/// Cells that differ by their seed alone.
struct Group {
  std::string task, mode, student, student_text;
  double lambda = 0;
  friend bool operator==(const Group&, const Group&) = default;
};
/// By task, then in the order of the cells.
std::vector<Group> groups_of(const std::vector<Record>& cells);
Statistic statistic_of(const std::vector<Record>& cells, const Group& group, const std::string& name);

/// Draws into options.out and gives the section of Markdown that shows them.
std::string draw_plots(const MatrixOptions& options, const std::vector<Record>& cells,
                       const std::vector<Group>& groups);

}  // namespace orbitgrad::experiments
