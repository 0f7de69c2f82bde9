// Trains a network on few samples of a regression by Adam and the mean squared error, and keeps the weights of the best
// validation error. Everything is a function of (options, key), so a run that was killed goes on to the same bits.
#pragma once

#include <chrono>
#include <functional>
#include <limits>

#include "experiments/datasets/equivariant_tasks.hpp"
#include "experiments/progress.hpp"
#include "experiments/run_directory.hpp"
#include "nn/data_loader.hpp"
#include "nn/optimizer.hpp"

namespace orbitgrad::experiments {

struct RegressionOptions {
  std::int64_t epochs = 1, batch_size = 500;
  double learning_rate = 3e-3;
  std::int64_t evaluations = 100;  // of the validation samples, over the run

  // When checkpoints are written cannot change the result.
  std::int64_t checkpoint_epochs = 0;  // 0: not by epochs
  double checkpoint_seconds = 60;
};

/// Mean squared error of the network over all samples, in batches.
double mean_squared_error(nn::Module& network, const RegressionSamples& samples, std::int64_t batch_size);

class RegressionTraining {
 public:
  /// The errors that are written are those over the samples times `unit`.
  RegressionTraining(nn::Module& network, const RegressionSamples& train, const RegressionSamples& validation,
                     double unit, const RegressionOptions& options, RandomKey order);

  /// Loads the checkpoint of the run, if it has one. Error: it is of another model.
  void restore(RunDirectory& run);
  /// Trains to the end, loads the best weights and lets `evaluate` add to the results, which are logged and returned:
  /// train_mse, validation_mse, best_epoch and its own. A finished run returns them at once, its best weights loaded.
  /// Error: the validation error is no finite number.
  Record run(RunDirectory& run, Progress& progress, const std::function<void(Record& result)>& evaluate);

  std::int64_t epochs_made() const { return epoch_; }
  /// Time that training has taken, over all processes of the run.
  double seconds() const;

 private:
  void train_epoch();
  void evaluate(RunDirectory& run, Progress& progress);
  void save(RunDirectory& run);

  nn::Module& network_;
  RegressionSamples validation_;
  double unit_ = 1;
  RegressionOptions options_;
  nn::DataLoader loader_;
  nn::Adam optimizer_;

  std::int64_t epoch_ = 0;  // epochs made
  double loss_sum_ = 0;     // over the steps since the last evaluation
  std::int64_t steps_ = 0;  // those steps
  nn::State best_;          // weights of the best validation error; empty before the first evaluation
  double best_error_ = std::numeric_limits<double>::infinity(), best_train_error_ = 0;
  std::int64_t best_epoch_ = 0;
  Record result_;  // empty until the run is finished

  double seconds_before_ = 0;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now(), saved_at_ = begin_;
};

}  // namespace orbitgrad::experiments
