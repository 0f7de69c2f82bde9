// orbitgrad eval RUN: the accuracy of a trained network on the test data of its run.
#include <CLI/CLI.hpp>
#include <memory>

#include "experiments/commands/commands.hpp"
#include "experiments/rotmnist.hpp"

namespace orbitgrad::experiments {

Action eval_command(CLI::App& app) {
  struct Options {
    std::string run, data, device = "cpu";
  };
  const auto options = std::make_shared<Options>();
  app.add_option("RUN", options->run, "Folder of the run")->required();
  app.add_option("--data", options->data,
                 "Folder of MNIST, if it is not where it was; other digits than the run's are evaluated with a note");
  add_device_option(app, options->device);
  add_threads_option(app);
  return watched(app, [options] {
    const RotmnistResult result = evaluate_run(options->run, options->data, device_of_option("eval", options->device));
    fmt::print("{}", result_table({result}));
    if (!result.note.empty()) fmt::print("\n{}\n", result.note);
  });
}

}  // namespace orbitgrad::experiments
