// orbitgrad train cloning/TASK
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "experiments/commands/cloning_options.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/commands/usage.hpp"
#include "experiments/experiment.hpp"
#include "experiments/symmetry_cloning/cell.hpp"
#include "experiments/table.hpp"

namespace orbitgrad::experiments {

namespace {

struct CommandOptions {
  CellOptions cell;
  std::optional<double> lambda = {};
  std::string head = "invariant", device = "cpu";
  std::filesystem::path out = "runs";
  std::string name = {};
  bool resume = false;

  std::filesystem::path folder() const {
    const std::string lambda = cell.lambda > 0 ? fmt::format("-lambda{:g}", cell.lambda) : "";
    return out / (name.empty() ? fmt::format("cloning-{}-{}{}-seed{}", cell.task, cell.mode, lambda, cell.training.seed)
                               : name);
  }
};

std::string percent(double share) { return fmt::format("{:.2f} %", 100 * share); }

void print_result(const CellOptions& cell, const Record& result) {
  Table table({"mode", "lambda", "accuracy original", "accuracy moved", "invariant ceiling", "consistency"});
  table.add({cell.mode, fmt::format("{:g}", cell.lambda), percent(result.number("accuracy_original")),
             percent(result.number("accuracy_moved")), percent(result.number("ceiling")),
             percent(result.number("consistency"))});
  fmt::print("\n{}", table.to_string());
  Table layers(
      {"layer", "E before", "E after", "E of digits before", "E of digits after", "delta before", "delta after"});
  const auto cell_of = [&](const char* what, const char* when, std::size_t layer) {
    const Value* value = result.find(fmt::format("{}_{}_{}", what, when, layer));
    return value == nullptr ? std::string("-") : fmt::format("{:.2g}", number_of(*value).value_or(NAN));
  };
  for (std::size_t i = 1; result.find(fmt::format("equivariance_before_{}", i)) != nullptr; ++i)
    layers.add({fmt::format("{}", i), cell_of("equivariance", "before", i), cell_of("equivariance", "after", i),
                cell_of("equivariance_digits", "before", i), cell_of("equivariance_digits", "after", i),
                cell_of("delta", "before", i), cell_of("delta", "after", i)});
  if (result.find("equivariance_before_1") != nullptr) fmt::print("\n{}", layers.to_string());
}

void train(CommandOptions options) {
  CellOptions& cell = options.cell;
  const std::string op = "train cloning/" + cell.task;
  check_cloning_names(op, cell);
  check_choice(op, "mode", cell.mode, cloning_mode_names());
  check_choice(op, "head", options.head, {"invariant", "flatten"});
  check_folder_name(op, options.name);
  if (const auto otherwise = cloning_mode(cell.mode).lambda_for(cloning_task(cell.task)); options.lambda || otherwise)
    cell.lambda = options.lambda ? *options.lambda : *otherwise;
  else
    throw UsageError(fmt::format(
        "[{}] the mode {} has no lambda that is known to hold or to let go. Name one with --lambda, 1 to begin with.",
        op, cell.mode));
  if (options.head == "flatten") cell.skeleton.head = models::CloningHead::flatten;
  cell.training.device = device_of_option(op, options.device);
  cell.data.seed = cell.clone.seed = cell.training.seed;
  if (!cell.data.data.empty()) cell.data.data = std::filesystem::absolute(cell.data.data);
  check_cell(cell);
  const TaskData data(cloning_task(cell.task), cell.data, load_task_digits(cell.data));
  RunDirectory run(options.folder(), settings_of(cell), {.resume = options.resume, .free_settings = {"data"}});
  Progress progress(fmt::format("{} {}", cell.task, cell.mode));
  const Record result = run_cell(cell, data, options.out / "clones", &run, progress);
  print_result(cell, result);
  fmt::print("\nRun: {}\n", options.folder().string());
}

std::string help_of_lambda(const CloningTask& task) {
  std::string known, unknown;
  for (const CloningMode& mode : cloning_modes()) {
    if (!mode.has_lambda) continue;
    std::string& list = mode.lambda_for(task) ? known : unknown;
    list += list.empty() ? "" : ", ";
    list += mode.name;
    if (const auto lambda = mode.lambda_for(task)) list += fmt::format(" {:g}", *lambda);
  }
  return fmt::format(
      "Weight of the divergence from the clone, or of the term of a baseline (default: {}; to be given for {})", known,
      unknown);
}

template <int number>
Action install(CLI::App& app) {
  const auto options = std::make_shared<CommandOptions>();
  CellOptions& cell = options->cell;
  cell.task = cloning_tasks()[number].name;
  cell.clone.student = {};  // that of the clone mode
  const auto add = [&app](const std::string& name, auto& target, const std::string& description) {
    return app.add_option(name, target, description)->capture_default_str();
  };
  std::string modes = "How the network meets the task:";
  for (const CloningMode& mode : cloning_modes()) modes += fmt::format("\n{}: {}", mode.name, mode.description);
  add("--mode", cell.mode, modes);
  app.add_option("--lambda", options->lambda, help_of_lambda(cloning_tasks()[number]));
  add("--seed", cell.training.seed, "Seed of clone, weights, order and moves")->check(problem_of_seed);
  add("--head", options->head, "invariant: pooling and a dense layer; flatten: a dense layer on all features");
  add_cloning_options(app, cell);
  add("--checkpoint-every", cell.training.checkpoint_steps, "Steps between checkpoints, besides one per epoch")
      ->check(CLI::Range(0, 1000000));
  add("--evaluate-every", cell.training.evaluate_epochs, "Epochs between evaluations; 0: at the end only")
      ->check(CLI::Range(0, 1000000));
  add("--out", options->out, "Folder of the runs, and of the clones they share");
  app.add_option("--name", options->name,
                 "Name of the run (default: cloning-TASK-MODE-lambdaLAMBDA-seedSEED, without a lambda of 0)");
  app.add_flag("--resume", options->resume, "Go on with the run of that name, or begin it if there is none");
  add_device_option(app, options->device);
  return [options] { train(*options); };
}

template <int number>
Experiment experiment() {
  std::vector<std::string> models{"cloned: layers that know no group and learned one by cloning (Huang et al., 2024)",
                                  "teacher: the equivariant network itself", "mlp: 512, 512 and 10 dense"};
  return {.name = "cloning/" + cloning_tasks()[number].name,
          .description = cloning_tasks()[number].description,
          .models = std::move(models),
          .datasets = {"glyphs: digits drawn by our own code; the default",
                       "mnist, fashion-mnist, cifar-10 in grey: from --data DIR"},
          .install = install<number>};
}

const ExperimentRegistration registrations[] = {
    ExperimentRegistration{experiment<0>()}, ExperimentRegistration{experiment<1>()},
    ExperimentRegistration{experiment<2>()}, ExperimentRegistration{experiment<3>()},
    ExperimentRegistration{experiment<4>()}};

}  // namespace
}  // namespace orbitgrad::experiments
