// orbitgrad train emlp-o5, emlp-inertia, emlp-particle
#include <CLI/CLI.hpp>
#include <memory>

#include "experiments/commands/commands.hpp"
#include "experiments/commands/usage.hpp"
#include "experiments/emlp_tasks.hpp"
#include "experiments/experiment.hpp"
#include "experiments/progress.hpp"
#include "experiments/table.hpp"

namespace orbitgrad::experiments {

namespace {

void train(const EmlpTaskOptions& options) {
  check_choice("train emlp-" + options.task, "model", options.model, {"emlp", "mlp"});
  check_folder_name("train emlp-" + options.task, options.name);
  const EmlpTaskResult result = train_emlp_task(options);
  Table table({"model", "train samples", "test MSE", "validation MSE", "train MSE", "equivariance error", "in float64",
               "parameters", "best epoch", "time"});
  table.add({options.model, with_thousands(options.train_count), fmt::format("{:.3g}", result.test_mse),
             fmt::format("{:.3g}", result.validation_mse), fmt::format("{:.3g}", result.train_mse),
             fmt::format("{:.1e}", result.equivariance_error), fmt::format("{:.1e}", result.equivariance_error_float64),
             with_thousands(result.parameters), fmt::format("{} of {}", result.best_epoch, options.epoch_count()),
             duration_text(result.seconds)});
  fmt::print("{}\nRun: {}\n", table.to_string(), options.folder().string());
}

template <int number>
Action install(CLI::App& app) {
  const auto options = std::make_shared<EmlpTaskOptions>();
  const EquivariantTask& task = equivariant_tasks()[number];
  options->task = task.name;
  const auto add = [&app](const std::string& name, auto& target, const std::string& description) {
    return app.add_option(name, target, description)->capture_default_str();
  };
  add("--model", options->model, "emlp or mlp");
  app.add_option("--group", options->group, "Group of the network (default: " + task.group + ", that of the task)");
  const auto positive = CLI::Range(std::int64_t{1}, std::int64_t{10'000'000});
  add("--train-count", options->train_count, "Training samples")->check(positive);
  add("--validation-count", options->validation_count, "Samples that choose the best epoch")->check(positive);
  add("--test-count", options->test_count, "Test samples")->check(CLI::Range(16, 10'000'000));
  app.add_option("--epochs", options->epochs, "Passes over the training samples (default: min(900000 / samples, 1000))")
      ->check(positive);
  add("--batch", options->batch_size, "Samples per step")->check(positive);
  add("--channels", options->channels, "Dimensions of each hidden layer")->check(CLI::Range(1, 100'000));
  add("--lr", options->learning_rate, "Learning rate of Adam")->check(problem_of_positive_number);
  add("--seed", options->seed, "Seed of samples, weights and order")->check(problem_of_seed);
  add("--out", options->out, "Folder of the runs");
  app.add_option("--name", options->name, "Name of the run (default: emlp-TASK-MODEL-nSAMPLES-seedSEED)");
  add("--checkpoint-every", options->checkpoint_epochs, "Epochs between checkpoints, besides one a minute")
      ->check(CLI::Range(0, 1000000));
  app.add_flag("--resume", options->resume, "Go on with the run of that name, or begin it if there is none");
  return [options] { train(*options); };
}

template <int number>
Experiment experiment(const char* name, const char* description) {
  return {.name = name,
          .description = description,
          .models = {"emlp: equivariant under any matrix group (Finzi, Welling, Wilson, 2021)",
                     "mlp: dense layers with swish"},
          .datasets = {"generated: drawn anew from the seed"},
          .install = install<number>};
}

const ExperimentRegistration o5{experiment<0>("emlp-o5", "a scalar of two vectors in five dimensions, under O(5)")};
const ExperimentRegistration inertia{experiment<1>("emlp-inertia", "the moment of inertia of five masses, under O(3)")};
const ExperimentRegistration particle{
    experiment<2>("emlp-particle", "a scattering amplitude of four momenta, under O(1,3)")};

}  // namespace
}  // namespace orbitgrad::experiments
