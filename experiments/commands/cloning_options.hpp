// Options that `train cloning/TASK` and `reproduce symmetry-cloning` share: digits, skeleton, clone, training.
#pragma once

#include <string_view>

#include "experiments/symmetry_cloning/cell.hpp"

namespace CLI {
class App;
}

namespace orbitgrad::experiments {

/// All, or all but what the cells of a matrix differ in: clone mode and student.
enum class CloningOptionSet { all, shared_by_cells };
/// The defaults shown are those in `cell`.
void add_cloning_options(CLI::App& app, CellOptions& cell, CloningOptionSet set = CloningOptionSet::all);
/// UsageError with the nearest name for an unknown clone mode, student, input source, schedule or group. An empty
/// student becomes that of the clone mode.
void check_cloning_names(std::string_view op, CellOptions& cell);

}  // namespace orbitgrad::experiments
