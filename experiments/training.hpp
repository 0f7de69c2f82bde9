// Trains a classifier with Adam and cross-entropy, or another objective, so that everything is a function of (options,
// step): batches, augmentation, dropout and learning rate. Hence a run that was killed continues from its checkpoint to
// the same bits.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/captured_step.hpp"
#include "engine/precision.hpp"
#include "experiments/evaluation.hpp"
#include "experiments/objective.hpp"
#include "experiments/progress.hpp"
#include "experiments/run_directory.hpp"
#include "nn/data_loader.hpp"
#include "nn/loss_scaler.hpp"
#include "nn/optimizer.hpp"
#include "nn/schedule.hpp"

namespace orbitgrad::experiments {

struct TrainingOptions {
  std::int64_t epochs = 100;
  std::int64_t batch_size = 128;
  double learning_rate = 1e-3;
  std::string schedule = "constant";  // see nn/schedule.hpp
  bool rotate = false;                // turn every training image by a new random angle each epoch
  std::uint64_t seed = 0;
  std::int64_t log_steps = 50;       // a line of metrics every so many steps; 0: per epoch only
  std::int64_t evaluate_epochs = 0;  // evaluate every so many epochs; 0: at the end only
  /// Of the products in training; weights, the other ops and evaluation are float32. float16 comes with loss scaling.
  Precision precision = Precision::float32;

  DeviceKind device = DeviceKind::cpu;  // where the batches go: the module has to be there
  bool captured = false;                // whole batches run as a captured step; to the same bits

  // When checkpoints are written cannot change the result.
  std::int64_t checkpoint_steps = 0;  // besides every epoch; 0: not by steps
  double checkpoint_seconds = 60;
};

class Trainer {
 public:
  /// Adds the results of an evaluation to a line of metrics.
  using Evaluation = std::function<void(Record& line)>;

  /// The objective may be changed by others between steps only; absent: cross-entropy.
  Trainer(nn::Module& module, const Samples& train, const TrainingOptions& options, Evaluation evaluation,
          std::shared_ptr<Objective> objective = nullptr);

  /// Text that every checkpoint carries and that must be the same on resume: name -> value.
  void set_identity(std::map<std::string, std::string> identity) { identity_ = std::move(identity); }

  /// Loads the checkpoint of the run, if it has one. Error: it is of another model or of other data.
  void restore(RunDirectory& run);
  /// Trains to the end, estimates the batch statistics anew and evaluates; the run then holds the final checkpoint.
  /// Returns the results. A finished run returns them at once. Error, which says what is saved: the loss, a weight or a
  /// statistic is not a finite number, or memory or the disk is full.
  Record run(RunDirectory& run, Progress& progress);
  /// The same without a folder: nothing is written, so nothing can be resumed.
  Record run(Progress& progress);

  std::int64_t steps_made() const { return step_; }
  /// Time that training has taken, over all processes of the run.
  double seconds() const;

 private:
  std::int64_t total_steps() const { return options_.epochs * loader_.batch_count(); }
  Record run(RunDirectory* run, Progress& progress);
  Record train(RunDirectory* run, Progress& progress);
  void train_epoch(RunDirectory* run, Progress& progress);
  void train_step(const nn::Batch& batch, const RunDirectory* run);
  /// inputs, labels; the learning rate -> loss, number of correct answers.
  std::vector<Tensor> compute_step(const StepInputs& inputs);
  void end_epoch(RunDirectory* run, Progress& progress);
  void estimate_statistics(const RunDirectory* run);
  std::string what_is_saved(const RunDirectory* run) const;
  /// A checkpoint never holds a weight or a statistic that is not a number.
  void require_finite_state(const RunDirectory* run) const;
  void save(RunDirectory* run);
  ProgressState state() const;

  nn::Module& module_;
  TrainingOptions options_;
  Evaluation evaluation_;
  RandomKey key_;
  nn::DataLoader loader_;
  std::shared_ptr<Objective> objective_;
  std::vector<RateGroup> groups_;
  std::vector<std::unique_ptr<nn::Adam>> optimizers_;  // one a group
  nn::Schedule schedule_;
  std::optional<nn::LossScaler> scaler_;  // with float16
  CapturedStep step_of_batch_;
  std::map<std::string, std::string> identity_;

  std::int64_t step_ = 0;    // steps made
  std::int64_t saved_ = -1;  // steps in the last checkpoint; -1: there is none
  // Sums over the images of this epoch so far.
  double loss_sum_ = 0;
  std::int64_t correct_ = 0, images_ = 0;
  Record result_;  // empty until the run is finished

  double seconds_before_ = 0;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now(), saved_at_ = begin_;
};

/// Copies "model." tensors of a checkpoint into the module. Error, listing every difference: it is of another model.
void load_model(nn::Module& module, const SafeTensors& checkpoint);

}  // namespace orbitgrad::experiments
