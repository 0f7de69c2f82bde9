#include "experiments/quickstart.hpp"

#include "engine/error.hpp"

namespace orbitgrad::experiments {

namespace {

std::filesystem::path free_folder(const std::filesystem::path& out) {
  for (int number = 1;; ++number) {
    const auto folder = out / fmt::format("quickstart-{}", number);
    std::error_code ignored;
    if (!std::filesystem::exists(folder, ignored)) return folder;
  }
}

}  // namespace

std::vector<RotmnistResult> quickstart(const QuickstartOptions& options) {
  RotmnistOptions run;
  run.out = free_folder(options.out);
  run.digits.protocol = "upright";
  run.digits.train_count = options.train_count;
  run.digits.test_count = options.test_count;
  run.digits.seed = run.training.seed = options.seed;
  run.training.epochs = options.epochs;
  run.training.learning_rate = options.learning_rate;
  run.training.schedule = options.schedule;
  const Digits digits = load_digits(run.digits);
  std::vector<RotmnistResult> results;
  for (const std::string& model : options.models) {
    run.model = run.name = model;
    results.push_back(train_rotmnist(run, &digits));
  }
  return results;
}

}  // namespace orbitgrad::experiments
