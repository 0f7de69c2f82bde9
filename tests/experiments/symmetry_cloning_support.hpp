// Cells of symmetry cloning so small that one takes a moment.
#pragma once

#include "experiments/symmetry_cloning/cell.hpp"
#include "tests/experiments/program_support.hpp"

namespace orbitgrad::experiments {

inline CellOptions tiny_cell(const std::string& task, const std::string& mode, double lambda = 0) {
  CellOptions cell{.task = task, .mode = mode, .lambda = lambda};
  cell.skeleton.channels = {6, 3};
  cell.data = {.side = 7, .train_count = 96, .test_count = 40};
  cell.training.epochs = 2;
  cell.training.batch_size = 32;
  cell.clone.batch = 256;
  cell.skeleton.kernel = cloning_task(task).group == "c4" ? 1 : 3;  // few matrices a layer
  return cell;
}

/// The text of the error; empty if there is none.
inline std::string refusal_of(const auto& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

}  // namespace orbitgrad::experiments
