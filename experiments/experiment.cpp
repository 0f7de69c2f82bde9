#include "experiments/experiment.hpp"

#include <algorithm>

namespace orbitgrad::experiments {

namespace {

template <class T>
std::vector<T>& registry() {
  static std::vector<T> list;
  return list;
}

template <class T>
void add_by_name(T entry) {
  auto& list = registry<T>();
  const auto place = std::ranges::upper_bound(list, entry.name, {}, &T::name);
  list.insert(place, std::move(entry));
}

}  // namespace

const std::vector<Experiment>& experiments() { return registry<Experiment>(); }
const std::vector<Reproduction>& reproductions() { return registry<Reproduction>(); }

ExperimentRegistration::ExperimentRegistration(Experiment experiment) { add_by_name(std::move(experiment)); }
ReproductionRegistration::ReproductionRegistration(Reproduction reproduction) { add_by_name(std::move(reproduction)); }

}  // namespace orbitgrad::experiments
