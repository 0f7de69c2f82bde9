// One cell of the experiment symmetry-cloning: a mode on a task with one seed. It is trained, and judged by its
// accuracy on the test digits where they are and moved, by how often the answer stays when a digit moves, and by how
// much of the symmetry its layers keep, before training and after.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/symmetry_cloning/clones.hpp"
#include "experiments/symmetry_cloning/modes.hpp"
#include "experiments/training.hpp"

namespace orbitgrad::experiments {

struct CellOptions {
  std::string task = "t2-sym";
  std::string mode = "kl_weight";
  CloneSettings clone = {};
  /// Side and group as of digits and task. Kernel 0: 5 of translations, 3 of a point group, whose layers have |H| times
  /// as many matrices.
  models::SkeletonOptions skeleton = {.kernel = 0};
  std::string group = {};  // point group of the teacher; empty: that of the task
  double lambda = 0, prior_deviation = 1e-3, theta_rate = 0.1;
  TaskDataOptions data = {};
  TrainingOptions training = {.epochs = 20, .learning_rate = 1e-2, .schedule = "cosine", .log_steps = 0};

  /// The skeleton with the side of the digits and the group of the teacher.
  models::SkeletonOptions full_skeleton() const;
};

/// What cloning reads besides noise: the training images as the task shows them; nothing where it reads none.
Tensor cloning_images(const CellOptions& options, const TaskData& data);

/// All that decides the result.
Record settings_of(const CellOptions& options);
/// Error, with the nearest name: an unknown task, mode, clone mode, student, source; lambda is below 0, or above it in
/// a mode without one; a clone that does not fit its mode; a group that does not act on square pixels.
void check_cell(const CellOptions& options);

/// accuracy_original, accuracy_moved, ceiling, consistency, nmse (of the clone), parameters, train_digits and
/// test_digits (how many there were), and for each layer i equivariance_before_i, equivariance_after_i, the same of
/// equivariance_digits, and delta_before_i, delta_after_i where they are defined. Trains in the folder `run`, if there
/// is one, from its checkpoint on.
Record run_cell(const CellOptions& options, const TaskData& data, const std::filesystem::path& clone_cache,
                RunDirectory* run, Progress& progress);

}  // namespace orbitgrad::experiments
