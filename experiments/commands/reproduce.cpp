// orbitgrad reproduce NAME
#include <CLI/CLI.hpp>

#include "experiments/commands/commands.hpp"

namespace orbitgrad::experiments {

Action reproduce_command(CLI::App& app) {
  for (const Reproduction& reproduction : reproductions()) {
    CLI::App* child = app.add_subcommand(reproduction.name, reproduction.description);
    child->allow_extras();
    add_threads_option(*child);
    act_when_called(*child, reproduction.install(*child));
  }
  return [] {};
}

}  // namespace orbitgrad::experiments
