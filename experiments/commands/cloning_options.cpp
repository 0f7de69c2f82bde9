#include "experiments/commands/cloning_options.hpp"

#include <CLI/CLI.hpp>

#include "experiments/commands/usage.hpp"
#include "groups/lattice_group.hpp"
#include "nn/schedule.hpp"

namespace orbitgrad::experiments {

void add_cloning_options(CLI::App& app, CellOptions& cell, CloningOptionSet set) {
  const auto add = [&app](const std::string& name, auto& target, const std::string& description) {
    return app.add_option(name, target, description)->capture_default_str();
  };
  const auto count = CLI::Range(std::int64_t{1}, std::int64_t{10'000'000});
  TaskDataOptions& data = cell.data;
  app.add_option("--data", data.data, "Folder of MNIST, Fashion-MNIST or CIFAR-10 (default: generated digits)")
      ->check([](const std::string& folder) { return folder.empty() ? "the name of the folder is empty" : ""; });
  add("--side", data.side, "Pixels along a side: 28, 14 or 7, as means")->check(CLI::IsMember({7, 14, 28}));
  app.add_option("--train-count", data.train_count, "Training digits (default: all; 10,000 generated ones)")
      ->check(count);
  app.add_option("--test-count", data.test_count, "Test digits (default: all; 2,000 generated ones)")->check(count);
  app.add_flag("--wrap", data.wrap, "Shifts go round, so that they are a group");
  app.add_flag("--augment", data.move_training, "Move the training digits of the symmetric tasks too");
  app.add_flag("--standardize", data.standardize, "Pixels of mean 0 and deviation 1");

  app.add_option("--kernel", cell.skeleton.kernel, "Side of the teacher's filters (default: 5 of p1, 3 of others)")
      ->check(CLI::IsMember({1, 3, 5, 7}));
  app.add_flag("--strict", cell.skeleton.strict, "No pooling, circular padding, two layers: the teacher is exact");
  app.add_option("--group", cell.group, "Group of the teacher: p1, p4, p4m, .. (default: that of the task)");

  if (set == CloningOptionSet::all) {
    add("--clone", cell.clone.mode, "What is cloned: conditional, the family of a layer, or fixed_tau, one of it");
    app.add_option("--student", cell.clone.student,
                   "hyper_linear or concatenating; of fixed_tau: linear, linear_relu or relu_mlp (default: the first)");
  }
  add("--input-source", cell.clone.source, "Inputs of cloning: noise, dataset, dataset_noise or orbit_augmented");
  add("--granularity", cell.clone.granularity, "Cloned at once: a layer, a block (with --strict) or the logits");
  add("--sigma", cell.clone.sigma, "Noise on the digits of dataset_noise")->check(CLI::NonNegativeNumber);
  app.add_flag("--include-activation", cell.clone.include_activation, "Clone each layer with its ReLU");
  app.add_option("--hidden", cell.clone.hidden, "Width of concatenating (default: 1024) and of relu_mlp (256)")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--clone-nmse", cell.clone.stop_nmse,
                 "Normalised error to clone to (default: 1e-12 where SGD has its best rate, else that of the student)")
      ->check(problem_of_positive_number);
  add("--clone-steps", cell.clone.steps, "Cloning ends here at the latest")->check(count);
  add("--clone-batch", cell.clone.batch, "Inputs per cloning step")->check(count);

  add("--prior-deviation", cell.prior_deviation, "s of the divergences of weights")->check(problem_of_positive_number);
  add("--theta-rate", cell.theta_rate, "Learning rate of the clone, as a share of --lr")
      ->check(problem_of_positive_number);
  add("--epochs", cell.training.epochs, "Passes over the training digits")->check(CLI::Range(1, 1000000));
  add("--batch", cell.training.batch_size, "Digits per step")->check(CLI::Range(1, 1000000));
  add("--lr", cell.training.learning_rate, "Learning rate of Adam")->check(problem_of_positive_number);
  add("--schedule", cell.training.schedule, "Learning rate: constant, step, cosine or one_cycle");
}

void check_cloning_names(std::string_view op, CellOptions& cell) {
  check_choice(op, "clone mode", cell.clone.mode, models::clone_mode_names());
  if (cell.clone.student.empty()) cell.clone.student = cell.clone.mode == "conditional" ? "hyper_linear" : "linear";
  check_choice(op, "student", cell.clone.student, models::student_names());
  check_choice(op, "input source", cell.clone.source, models::input_source_names());
  check_choice(op, "granularity", cell.clone.granularity, granularity_names());
  check_choice(op, "schedule", cell.training.schedule, nn::schedule_names());
  if (!cell.group.empty()) check_choice(op, "group", cell.group, groups::lattice_group_names());
}

}  // namespace orbitgrad::experiments
