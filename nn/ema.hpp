// The exponential moving average of the weights (Polyak and Juditsky, 1992): average = decay average + (1 - decay)
// weight after every step. Evaluated instead of the weights themselves, it is usually better and always smoother.
#pragma once

#include "nn/module.hpp"

namespace orbitgrad::nn {

class WeightAverage {
 public:
  /// Begins with the weights as they are. decay in [0, 1). With `warm_up` the decay of step t is at most
  /// (1 + t) / (10 + t), so that the first weights are soon forgotten.
  explicit WeightAverage(std::vector<NamedTensor> parameters, double decay, bool warm_up = false);

  /// After each step of the optimizer.
  void update();
  std::int64_t updates() const { return updates_; }
  /// Exchanges the weights with their averages; a second call exchanges them back.
  void swap();

  /// "updates" and PARAMETER.average: handles, so save them before the next update.
  State state() const;
  /// Copies the values; strict, as load_strictly.
  void load_state(const State& state);

 private:
  std::vector<NamedTensor> parameters_, averages_;
  double decay_;
  bool warm_up_;
  std::int64_t updates_ = 0;
};

/// The weights are their averages while this lives: `const UseAverage averaged(average); evaluate(net);`
class UseAverage {
 public:
  explicit UseAverage(WeightAverage& average) : average_(average) { average_.swap(); }
  ~UseAverage() { average_.swap(); }
  UseAverage(const UseAverage&) = delete;
  UseAverage& operator=(const UseAverage&) = delete;

 private:
  WeightAverage& average_;
};

}  // namespace orbitgrad::nn
