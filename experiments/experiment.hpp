// An experiment is a file that registers itself: its name, one line about it, and its command line options. The command
// `orbitgrad train NAME` and `orbitgrad list` find it here; there is no list to keep by hand.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace orbitgrad::experiments {

/// What to do once the command line has been read.
using Action = std::function<void()>;

struct Experiment {
  std::string name;
  std::string description;            // one line
  std::vector<std::string> models;    // "name: one line" each
  std::vector<std::string> datasets;  // "name: one line" each
  Action (*install)(CLI::App& app);   // adds the options of `orbitgrad train NAME`
};

/// All of them, by name.
const std::vector<Experiment>& experiments();

/// A static object of this type registers an experiment when the library is loaded.
struct ExperimentRegistration {
  explicit ExperimentRegistration(Experiment experiment);
};

/// A published result as one command, `orbitgrad reproduce NAME`, registered in the same way.
struct Reproduction {
  std::string name;
  std::string description;           // one line
  Action (*install)(CLI::App& app);  // adds the options of `orbitgrad reproduce NAME`
};

/// All of them, by name.
const std::vector<Reproduction>& reproductions();

struct ReproductionRegistration {
  explicit ReproductionRegistration(Reproduction reproduction);
};

}  // namespace orbitgrad::experiments
