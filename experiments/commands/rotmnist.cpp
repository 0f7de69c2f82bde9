// orbitgrad train rotmnist
#include "experiments/rotmnist.hpp"

#include <CLI/CLI.hpp>
#include <memory>

#include "experiments/commands/commands.hpp"
#include "experiments/commands/usage.hpp"
#include "experiments/experiment.hpp"
#include "models/gcnn.hpp"
#include "nn/schedule.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr std::string_view op = "train rotmnist";

struct CommandOptions {
  RotmnistOptions run;
  std::string augment = "none", device = "cpu", precision = "float32";
};

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const auto& model : models::gcnn_models()) names.push_back(model.name);
  return names;
}

std::vector<std::string> model_lines() {
  std::vector<std::string> lines;
  for (const auto& model : models::gcnn_models()) lines.push_back(model.name + ": " + model.description);
  return lines;
}

void train(CommandOptions options) {
  RotmnistOptions& run = options.run;
  check_choice(op, "model", run.model, model_names());
  check_choice(op, "protocol", run.digits.protocol, digit_protocols());
  check_choice(op, "augmentation", options.augment, {"none", "rotate"});
  check_choice(op, "schedule", run.training.schedule, nn::schedule_names());
  check_folder_name(op, run.name);
  run.training.device = device_of_option(op, options.device);
  check_implementation(op, run.training.device, run.implementation);
  check_choice(op, "precision", options.precision, {"float32", "tf32", "bf16", "fp16"});
  run.training.precision = parse_precision(options.precision);
  run.training.rotate = options.augment == "rotate";
  if (!run.digits.data.empty()) run.digits.data = std::filesystem::absolute(run.digits.data);
  const RotmnistResult result = train_rotmnist(run);
  fmt::print("\n{}\nRun: {}\n", result_table({result}), run.folder().string());
}

Action install(CLI::App& app) {
  const auto options = std::make_shared<CommandOptions>();
  RotmnistOptions& run = options->run;
  const auto add = [&app](const std::string& name, auto& target, const std::string& description) {
    return app.add_option(name, target, description)->capture_default_str();
  };
  add("--model", run.model, "z2cnn, p4cnn, p4cnn_rp or p4mcnn");
  // An empty name, as of a shell variable that is not set, must not mean the generated digits.
  app.add_option("--data", run.digits.data, "Folder of MNIST (default: generated digits)")
      ->check([](const std::string& folder) { return folder.empty() ? "the name of the folder is empty" : ""; });
  add("--protocol", run.digits.protocol, "12k: training digits are turned; upright: only the test digits are");
  app.add_option("--train-count", run.digits.train_count, "Training digits (default: 12,000; all of MNIST if upright)")
      ->check(CLI::Range(1, 10000000));
  app.add_option("--test-count", run.digits.test_count, "Test digits (default: 50,000 of MNIST by 12k, else 10,000)")
      ->check(CLI::Range(1, 10000000));
  add("--data-seed", run.digits.seed, "Seed of the digits: drawing, splitting, turning")->check(problem_of_seed);
  add("--epochs", run.training.epochs, "Passes over the training digits")->check(CLI::Range(1, 1000000));
  add("--batch", run.training.batch_size, "Digits per step")->check(CLI::Range(1, 1000000));
  add("--lr", run.training.learning_rate, "Learning rate of Adam")->check(problem_of_positive_number);
  add("--schedule", run.training.schedule, "Learning rate: constant, step, cosine or one_cycle");
  add("--augment", options->augment,
      "none, or rotate: a new random angle for every digit and epoch. The published setting (the authors' script) is "
      "rotate, with --epochs 100, or 300 for z2cnn");
  add("--seed", run.training.seed, "Seed of weights, order, augmentation and dropout")->check(problem_of_seed);
  add("--implementation", run.implementation, "Group convolution: auto, expanded, orbit_gather or irrep_blocks");
  add("--precision", options->precision,
      "Products in training: float32, tf32, bf16 or fp16 (with loss scaling); weights stay float32");
  add("--evaluate-every", run.training.evaluate_epochs, "Epochs between evaluations; 0: at the end only")
      ->check(CLI::Range(0, 1000000));
  add("--log-every", run.training.log_steps, "Steps between lines of metrics; 0: one per epoch")
      ->check(CLI::Range(0, 1000000));
  add("--checkpoint-every", run.training.checkpoint_steps, "Steps between checkpoints, besides one per epoch")
      ->check(CLI::Range(0, 1000000));
  add("--out", run.out, "Folder of the runs");
  app.add_option("--name", run.name, "Name of the run (default: rotmnist-MODEL-seedSEED)");
  app.add_flag("--resume", run.resume, "Go on with the run of that name, or begin it if there is none");
  add_device_option(app, options->device);
  app.add_flag(
      "--captured", run.training.captured,
      "On cuda and sim: record a training step once and run it again as one unit, to the same bits (default: off)");
  return [options] { train(*options); };
}

const ExperimentRegistration registration{{
    .name = "rotmnist",
    .description = "plain and group-equivariant networks on rotated digits (Cohen and Welling, 2016)",
    .models = model_lines(),
    .datasets = {"glyphs: digits drawn by our own code, any number of them; the default",
                 "mnist: real handwritten digits from --data DIR, turned by the chosen protocol"},
    .install = install,
}};

}  // namespace
}  // namespace orbitgrad::experiments
