// The experiments emlp-o5, emlp-inertia and emlp-particle: an EMLP and an ordinary network on few samples of a task
// with a known symmetry. Finzi, Welling, Wilson (ICML 2021), figure 3; its code's recipe: Adam 3e-3, batches of 500,
// 384 channels, 3 hidden layers, min(900000 / N, 1000) epochs, the weights of the best validation error.
#pragma once

#include <filesystem>

#include "experiments/datasets/equivariant_tasks.hpp"
#include "experiments/record.hpp"
#include "models/emlp.hpp"

namespace orbitgrad::experiments {

struct EmlpTaskOptions {
  std::string task = "inertia";
  std::string model = "emlp";  // or "mlp"
  std::string group = {};      // empty: the task's
  std::int64_t train_count = 1000, validation_count = 1000, test_count = 5000;
  std::int64_t epochs = 0;  // 0: min(900000 / train_count, 1000)
  std::int64_t batch_size = 500;
  std::int64_t channels = 384;
  double learning_rate = 3e-3;
  std::uint64_t seed = 0;
  std::int64_t checkpoint_epochs = 0;  // epochs between checkpoints, besides one a minute; 0: by the clock only
  bool resume = false;
  std::filesystem::path out = "runs";
  std::string name = {};  // empty: emlp-TASK-MODEL-nCOUNT-seedSEED

  std::filesystem::path folder() const;
  std::int64_t epoch_count() const;
};

/// Errors are in the units of the targets.
struct EmlpTaskResult {
  double test_mse = 0, validation_mse = 0, train_mse = 0;
  // Mean over 16 group elements and 16 inputs, relative: of the network in float32, and of the same weights in float64.
  double equivariance_error = 0, equivariance_error_float64 = 0;
  std::int64_t parameters = 0, best_epoch = 0;
  double seconds = 0;
};

/// Trains in a folder, which then holds config.json, metrics.jsonl and a checkpoint: "model." has the weights of the
/// best validation error. Resumed, a run that was killed ends with the bits of one that was not.
EmlpTaskResult train_emlp_task(const EmlpTaskOptions& options);

}  // namespace orbitgrad::experiments
