// What cells and clones will cost on this machine, from one step of each kind.
#pragma once

#include "experiments/symmetry_cloning/cell.hpp"

namespace orbitgrad::experiments {

/// Seconds of the training and the tests of a cell, its clone apart.
double estimate_cell_seconds(const CellOptions& options, const TaskData& data);
/// Seconds of the clones of all its layers: those that have a closed rate (CloneSettings) by it, of the others as if
/// they went on to the limit of steps.
double estimate_clone_seconds(const CellOptions& options);

}  // namespace orbitgrad::experiments
