// orbitgrad train EXPERIMENT
#include <CLI/CLI.hpp>

#include "experiments/commands/commands.hpp"

namespace orbitgrad::experiments {

Action train_command(CLI::App& app) {
  for (const Experiment& experiment : experiments()) {
    CLI::App* child = app.add_subcommand(experiment.name, experiment.description);
    child->allow_extras();
    add_threads_option(*child);
    act_when_called(*child, watched(*child, experiment.install(*child)));
  }
  return [] {};
}

}  // namespace orbitgrad::experiments
