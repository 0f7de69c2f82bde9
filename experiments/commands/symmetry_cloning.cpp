// orbitgrad reproduce symmetry-cloning
#include <CLI/CLI.hpp>
#include <memory>

#include "experiments/commands/cloning_options.hpp"
#include "experiments/commands/usage.hpp"
#include "experiments/experiment.hpp"
#include "experiments/symmetry_cloning/ablations.hpp"

namespace orbitgrad::experiments {

namespace {

struct CommandOptions {
  MatrixOptions matrix;
  bool quick = false;
  std::string ablation = {};
};

/// What is not given stands as in the quick matrix.
void make_quick(const CLI::App& app, MatrixOptions& matrix) {
  const MatrixOptions given = matrix;
  matrix = quick_matrix(matrix);
  const auto keep = [&](const char* name, auto& target, const auto& value) {
    if (app.count(name) > 0) target = value;
  };
  keep("--side", matrix.cell.data.side, given.cell.data.side);
  keep("--train-count", matrix.cell.data.train_count, given.cell.data.train_count);
  keep("--epochs", matrix.cell.training.epochs, given.cell.training.epochs);
  keep("--lambdas", matrix.lambdas, given.lambdas);
  keep("--students", matrix.students, given.students);
  keep("--seeds", matrix.seeds, given.seeds);
}

/// UsageError for an option whose value the ablation sets.
void check_ablation_options(const CLI::App& app, std::string_view op, const CommandOptions& options) {
  std::vector<std::string> set{"--modes", "--lambdas"};
  if (options.ablation == "precision") set.push_back("--clone-nmse");
  if (options.ablation == "source") set.push_back("--input-source");
  if (options.ablation == "group") set.push_back("--group");
  for (const std::string& option : set)
    if (app.count(option) > 0)
      throw UsageError(fmt::format("[{}] the ablation {} sets {} itself. Leave it out.", op, options.ablation, option));
  if (app.count("--students") > 0 && options.matrix.students.size() > 1)
    throw UsageError(fmt::format("[{}] an ablation has one student, and --students names {}. Name one.", op,
                                 options.matrix.students.size()));
}

void reproduce(const CLI::App& app, CommandOptions options) {
  constexpr std::string_view op = "reproduce symmetry-cloning";
  MatrixOptions& matrix = options.matrix;
  if (options.quick) make_quick(app, matrix);
  std::vector<std::string> tasks;
  for (const CloningTask& task : cloning_tasks()) tasks.push_back(task.name);
  for (const std::string& task : matrix.tasks) check_choice(op, "task", task, tasks);
  for (const std::string& mode : matrix.modes) check_choice(op, "mode", mode, cloning_mode_names());
  for (const std::string& student : matrix.students) check_choice(op, "student", student, models::student_names());
  check_cloning_names(op, matrix.cell);
  if (!matrix.cell.data.data.empty()) matrix.cell.data.data = std::filesystem::absolute(matrix.cell.data.data);
  if (options.ablation.empty()) return reproduce_symmetry_cloning(matrix);
  check_choice(op, "ablation", options.ablation, ablation_names());
  check_ablation_options(app, op, options);
  run_ablation(options.ablation, matrix);
}

Action install(CLI::App& app) {
  const auto options = std::make_shared<CommandOptions>();
  MatrixOptions& matrix = options->matrix;
  matrix.cell.data.side = 14;
  matrix.cell.data.train_count = 10000;
  matrix.cell.training.epochs = 10;
  matrix.cell.training.batch_size = 64;
  matrix.cell.clone.steps = 4000;
  app.add_flag("--quick", options->quick, "10,000 digits, five epochs, one seed and student: under 15 minutes");
  app.add_option(
      "--ablation", options->ablation,
      "In place of the matrix, with modes of its own, what a clone depends on: precision, source, group or data");
  const auto list = [&app](const std::string& name, auto& target, const std::string& description) {
    app.add_option(name, target, description)->delimiter(',')->capture_default_str();
  };
  list("--tasks", matrix.tasks, "Tasks, by commas");
  list("--modes", matrix.modes, "Modes; see orbitgrad train cloning/t2-sym --help");
  list("--students", matrix.students, "Students; the first one goes through all lambdas");
  list("--lambdas", matrix.lambdas, "Weights of the divergence");
  app.add_option("--seeds", matrix.seeds, "Seeds 0, 1, ..")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_flag("!--no-closed-forms", matrix.closed_forms, "Leave out the checks of rates, floors and bounds");
  app.add_option("--out", matrix.out, "Folder; what is finished in it is kept")->capture_default_str();
  add_cloning_options(app, matrix.cell, CloningOptionSet::shared_by_cells);
  return [&app, options] { reproduce(app, *options); };
}

const ReproductionRegistration registration{
    {.name = "symmetry-cloning",
     .description = "Huang et al., Symmetry From Scratch (2024): cloned layers keep or break a symmetry of digits",
     .install = install}};

}  // namespace
}  // namespace orbitgrad::experiments
