#include "nn/ema.hpp"

#include <algorithm>

#include "engine/autograd/node.hpp"
#include "engine/error.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/update.hpp"

namespace orbitgrad::nn {

WeightAverage::WeightAverage(std::vector<NamedTensor> parameters, double decay, bool warm_up)
    : parameters_(std::move(parameters)), decay_(decay), warm_up_(warm_up) {
  require(decay >= 0 && decay < 1, "WeightAverage", "the decay is {}. Take one in [0, 1).", decay);
  const NoGrad no_grad;
  for (const auto& [name, tensor] : parameters_) {
    require(std::ranges::none_of(averages_, [&](const NamedTensor& other) { return other.name == name + ".average"; }),
            "WeightAverage", "two parameters are called \"{}\". Give each its own name, so that the state keeps both.",
            name);
    require(is_floating(tensor.dtype()), "WeightAverage", "the parameter {} is {}. Convert it, or leave it out.", name,
            orbitgrad::name(tensor.dtype()));
    Tensor average = zeros_like(tensor);
    assign(average, tensor.detach());
    averages_.push_back({name + ".average", average});
  }
}

void WeightAverage::update() {
  const NoGrad no_grad;
  ++updates_;
  const auto t = static_cast<double>(updates_);
  const double decay = warm_up_ ? std::min(decay_, (1 + t) / (10 + t)) : decay_;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Tensor& average = averages_[i].tensor;
    const Tensor weight = parameters_[i].tensor.detach();
    move(average, weight.device());
    assign(average, average * decay + weight * (1 - decay));
  }
}

void WeightAverage::swap() {
  const NoGrad no_grad;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Tensor& weight = parameters_[i].tensor;
    Tensor& average = averages_[i].tensor;
    Tensor kept = zeros_like(weight);
    assign(kept, weight.detach());
    assign(weight, average);
    assign(average, kept);
  }
}

State WeightAverage::state() const {
  State result;
  result.emplace("updates", full({}, static_cast<double>(updates_), DType::int64, DeviceKind::cpu));
  for (const auto& [name, tensor] : averages_) result.emplace(name, tensor);
  return result;
}

void WeightAverage::load_state(const State& state) {
  std::vector<NamedTensor> targets = averages_;
  targets.push_back({"updates", full({}, 0, DType::int64, DeviceKind::cpu)});
  const Tensor updates = targets.back().tensor;
  const auto found = state.find("updates");
  if (found != state.end() && found->second.defined() && found->second.shape() == Shape{} &&
      found->second.dtype() == DType::int64)
    require(found->second.item<std::int64_t>() >= 0, "WeightAverage",
            "the state claims {} updates. Load a state saved by a WeightAverage.", found->second.item<std::int64_t>());
  load_strictly("WeightAverage", std::move(targets), state);
  updates_ = updates.item<std::int64_t>();
}

}  // namespace orbitgrad::nn
