#include "experiments/commands/command_line.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "engine/ops/group_convolution.hpp"
#include "experiments/commands/bench_report.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/commands/usage.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace orbitgrad::experiments {

namespace {

struct Command {
  const char* name;
  const char* description;
  Action (*install)(CLI::App& app);
};

constexpr Command commands[] = {
    {"quickstart", "Train an ordinary and an equivariant network on generated digits and compare them (two minutes)",
     quickstart_command},
    {"train", "Train a network of an experiment", train_command},
    {"reproduce", "Run all of a published experiment: its matrix, tables and plots", reproduce_command},
    {"eval", "Evaluate the network of a run on its test data", eval_command},
    {"equivariance", "Measure how equivariant the network of a run is, for every group element", equivariance_command},
    {"list", "List experiments, models and data sets", list_command},
    {"devices", "List what kernels can run on", devices_command},
    {"convert", "Write the tensors of a safetensors file under other names", convert_command},
    {"peaks", "Measure what this machine can do at best, which --profile compares with", peaks_command},
    {"tune", "Measure which implementation of group convolution is the fastest here, and choose by it from now on",
     tune_command},
    {"bench", "Count what the CUDA kernels do, on the simulator", bench_command},
    {"bench-report", "Write the page of measured results from their JSON files", bench_report_command},
    {"op", "Run any op of the engine on npy files, with its derivatives", op_command},
    {"plot", "Draw a metric of one or several runs as SVG and PNG, by gnuplot", plot_command},
    {"basis", "Find all linear maps between two representations of a group that commute with it", basis_command},
    {"groups", "List the matrix groups that basis knows", groups_command},
};

}  // namespace

void act_when_called(CLI::App& app, Action action) {
  app.final_callback([&app, action = std::move(action)] {
    const CLI::App* root = &app;
    while (root->get_parent() != nullptr) root = root->get_parent();
    check_all_words_used(*root);
    if (app.get_subcommands().empty()) action();
  });
}

void add_device_option(CLI::App& app, std::string& device) {
  app.add_option("--device", device, "What computes: cpu, cuda or sim; see orbitgrad devices")->capture_default_str();
}

DeviceKind device_of_option(std::string_view op, const std::string& device) {
  check_choice(op, "device", device, {"cpu", "cuda", "sim"});
  return parse_device(device);
}

void check_implementation(std::string_view op, DeviceKind device, const std::string& implementation) {
  std::vector<std::string> names = group_conv2d_implementations(device);
  names.emplace_back("auto");
  check_choice(op, "implementation", implementation, names);
}

void add_threads_option(CLI::App& app) {
  app.add_option_function<int>(
         "--threads",
         [](int count) {
#ifdef _OPENMP
           omp_set_num_threads(count);
#else
           static_cast<void>(count);
#endif
         },
         "Threads to use; the result does not depend on it (default: all cores)")
      ->check(CLI::Range(1, 4096));
}

void run_command_line(int argument_count, const char* const* arguments, const std::string& version) {
  CLI::App app("orbitgrad: a tensor and autograd engine with hand-written group convolution", "orbitgrad");
  app.set_version_flag("--version", "orbitgrad " + version);
  app.allow_extras();
  app.option_defaults()->take_last();  // an option given twice: the last one counts
  for (const Command& command : commands) {
    CLI::App* child = app.add_subcommand(command.name, command.description);
    child->allow_extras();
    act_when_called(*child, command.install(*child));
  }
  try {
    app.parse(argument_count, arguments);
  } catch (const CLI::Success& answered) {  // --help, --version
    app.exit(answered, std::cout, std::cerr);
    return;
  } catch (const CLI::ParseError& error) {
    std::string text = error.what();
    std::ranges::replace(text, '\n', ' ');
    const std::string command = called_command(app);
    throw UsageError(fmt::format("[{}] {}. See {} --help.", command, text, command));
  }
  if (app.get_subcommands().empty()) check_all_words_used(app);
}

}  // namespace orbitgrad::experiments
