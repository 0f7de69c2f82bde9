// How a network meets a task: with what layers, what of it is trained, and what is added to the loss. A mode is a name
// that a file registers; `orbitgrad train cloning/TASK --mode NAME` and the matrix of the experiment find it here.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/objective.hpp"
#include "experiments/symmetry_cloning/tasks.hpp"
#include "models/symmetry_cloning/downstream.hpp"

namespace orbitgrad::experiments {

struct ModeInputs {
  const TaskData& data;
  models::SkeletonOptions skeleton;
  /// Cloned if the mode asks for it, else as they start; copies that are the mode's own.
  models::LayerStudents students;
  double lambda = 0;
  double prior_deviation = 1e-3;
  double theta_rate = 0.1;  ///< of the learning rate, for what was cloned
  RandomKey key;            ///< the same for every mode of a cell's seed
};

/// The digits of a task in place of the batches of the loader; for a mode to derive from.
class TaskObjective : public Objective {
 public:
  /// `moved`: training digits move where the task leaves them as well.
  explicit TaskObjective(const ModeInputs& inputs, bool moved = false)
      : data_(inputs.data), key_(inputs.key.split("training moves")), moved_(moved) {}
  nn::Batch batch(nn::Batch batch, std::int64_t epoch) const override {
    return data_.batch(batch, key_.split(static_cast<std::uint64_t>(epoch)), moved_);
  }

 private:
  const TaskData& data_;  // lives longer
  RandomKey key_;
  bool moved_;
};

struct Contender {
  std::shared_ptr<nn::Module> module;  // images [N, 1, side, side] -> logits
  std::shared_ptr<Objective> objective;
  std::shared_ptr<models::CloningNetwork> network = nullptr;  // whose layers are measured; absent for an MLP
};

/// Where no lambda is given, by what the task does to the symmetry.
struct DefaultLambda {
  double kept = 0, broken = 0;
};

struct CloningMode {
  std::string name;
  std::string description;  // one line
  bool needs_clone = false;
  bool has_lambda = false;
  Contender (*build)(const ModeInputs& inputs);
  bool has_students = false;       // its layers are students, cloned or not
  bool needs_lambda = false;       // means nothing without its term
  bool needs_point_group = false;  // is about the point group of the teacher
  /// Absent: a mode with a lambda asks for it.
  std::optional<DefaultLambda> default_lambda = {};

  /// 0 for a mode without a lambda; nothing where one has to be given.
  std::optional<double> lambda_for(const CloningTask& task) const;
};

/// All of them, by name.
const std::vector<CloningMode>& cloning_modes();
std::vector<std::string> cloning_mode_names();
/// Error with the nearest name for any other.
const CloningMode& cloning_mode(std::string_view name);

/// A static object of this type registers a mode when the library is loaded.
struct CloningModeRegistration {
  explicit CloningModeRegistration(CloningMode mode);
};

}  // namespace orbitgrad::experiments
