// The matrix of the experiment symmetry-cloning: tasks x modes x clones x lambdas x seeds, one file per finished cell,
// so that a second call goes on where the first one ended, whatever ended it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/symmetry_cloning/cell.hpp"

namespace orbitgrad::experiments {

struct MatrixOptions {
  CellOptions cell = {};  // what all cells share: digits, skeleton, training, clone but for mode, student and seed
  std::vector<std::string> tasks = {"t2-sym", "t2-break", "c4-sym", "c4-break"};
  std::vector<std::string> modes = {"teacher", "teacher_nudged", "frozen", "kl_weight", "init", "random", "mlp"};
  /// Of the modes that have one. The first student goes through all of them, the others through the middle one.
  std::vector<double> lambdas = {1e-4, 1e-3, 1e-2, 1e-1, 1};
  /// hyper_linear and concatenating are cloned as the whole family of a layer, the others with one filter, held.
  std::vector<std::string> students = {"hyper_linear", "linear", "concatenating"};
  std::int64_t seeds = 5;
  bool closed_forms = true;
  std::filesystem::path out = "runs/symmetry-cloning";
};

/// What --quick runs: the modes of the first student on 10,000 digits of side 14, five epochs, one seed.
MatrixOptions quick_matrix(MatrixOptions options);

/// The cells in the order in which they run: all of one seed before the next.
std::vector<CellOptions> plan_cells(const MatrixOptions& options);
/// "t2-break-kl_weight-lambda0.01-hyper_linear-seed0"
std::string name_of(const CellOptions& cell);

/// Runs the cells that are not finished and gives all, in order, each with its settings. Error: the folder holds cells
/// of another configuration, or another process works in it; as run_cell.
std::vector<Record> run_matrix(const MatrixOptions& options);

/// Runs the matrix, then writes results.md, results.json and the plots, and prints the report.
void reproduce_symmetry_cloning(const MatrixOptions& options);

}  // namespace orbitgrad::experiments
