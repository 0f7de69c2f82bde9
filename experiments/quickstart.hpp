// The first thing a new user runs: an ordinary and an equivariant network learn generated digits that stand upright,
// and are then shown the same kind of digits upright and turned by any angle.
#pragma once

#include <filesystem>
#include <vector>

#include "experiments/rotmnist.hpp"

namespace orbitgrad::experiments {

/// Sized for about two minutes on two cores.
struct QuickstartOptions {
  std::vector<std::string> models = {"z2cnn", "p4cnn"};
  std::int64_t train_count = 6000;
  std::int64_t test_count = 2000;
  std::int64_t epochs = 6;
  double learning_rate = 2e-3;
  std::string schedule = "one_cycle";
  std::uint64_t seed = 0;
  std::filesystem::path out = "runs";
};

/// Trains each model into its own folder quickstart-N/MODEL under `out`, N the first free number. One result a model.
std::vector<RotmnistResult> quickstart(const QuickstartOptions& options);

}  // namespace orbitgrad::experiments
