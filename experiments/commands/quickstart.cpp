// orbitgrad quickstart
#include "experiments/quickstart.hpp"

#include <CLI/CLI.hpp>
#include <memory>

#include "experiments/commands/commands.hpp"
#include "experiments/commands/usage.hpp"
#include "experiments/table.hpp"

namespace orbitgrad::experiments {

namespace {

void compare(const QuickstartOptions& options) {
  fmt::print("Training on {} generated upright digits; testing on {} upright ones and the same ones turned.\n",
             with_thousands(options.train_count), with_thousands(options.test_count));
  const auto results = quickstart(options);
  fmt::print(
      "\n{}\nThe equivariance error compares the logits of {} values for a digit and its quarter turns. Next: "
      "orbitgrad train rotmnist --help\n",
      result_table(results), with_thousands(results.front().compared_values));
}

}  // namespace

Action quickstart_command(CLI::App& app) {
  const auto options = std::make_shared<QuickstartOptions>();
  app.add_option("--train-count", options->train_count, "Training digits")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--test-count", options->test_count, "Test digits")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--epochs", options->epochs, "Passes over the training digits")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--seed", options->seed, "Seed of digits and training")->check(problem_of_seed)->capture_default_str();
  app.add_option("--out", options->out, "Folder of the runs")->capture_default_str();
  add_threads_option(app);
  return [options] { compare(*options); };
}

}  // namespace orbitgrad::experiments
