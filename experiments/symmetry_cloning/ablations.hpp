// What a clone depends on, one thing at a time: how exactly it was cloned, on what inputs, with which group, and
// whether the images are digits at all. Each is a few small matrices that differ in that one thing, and one table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/symmetry_cloning/matrix.hpp"

namespace orbitgrad::experiments {

struct AblationVariant {
  std::string name;  // "1e-02", "p4-on-t2"
  MatrixOptions matrix;
};

/// "precision": clones stopped at 1e-1, 1e-2, 1e-4, 1e-6 and 1e-12. "source": inputs of cloning from noise, moved
/// digits, digits with noise, digits. "group": translations cloned for the tasks of turns and the reverse. "data": the
/// sets of images there are under options.cell.data.data: MNIST, Fashion-MNIST, CIFAR-10 in grey.
const std::vector<std::string>& ablation_names();
/// The variants, in folders of their own under options.out / "ablations" / name; the first two on the symmetric ones of
/// options.tasks. Error, with the nearest name: an unknown one; no task or no set of images is left.
std::vector<AblationVariant> plan_ablation(std::string_view name, const MatrixOptions& options);
/// Runs what is not finished, writes results.md and results.json beside the variants, and prints the table.
void run_ablation(std::string_view name, const MatrixOptions& options);

}  // namespace orbitgrad::experiments
