#include "experiments/experiment.hpp"

#include <algorithm>

namespace orbitgrad::experiments {

namespace {

std::vector<Experiment>& registry() {
  static std::vector<Experiment> list;
  return list;
}

}  // namespace

const std::vector<Experiment>& experiments() { return registry(); }

ExperimentRegistration::ExperimentRegistration(Experiment experiment) {
  auto& list = registry();
  const auto place = std::ranges::upper_bound(list, experiment.name, {}, &Experiment::name);
  list.insert(place, std::move(experiment));
}

}  // namespace orbitgrad::experiments
