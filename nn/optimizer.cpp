#include "nn/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/observe/finite.hpp"
#include "engine/observe/trace.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/transfer.hpp"
#include "engine/update.hpp"
#include "kernels/device_graph.hpp"
#include "kernels/optimizer/optimizer.hpp"

namespace orbitgrad::nn {

namespace {

/// The problem now; in a step that is captured it can be asked for again in each run.
template <class ProblemNow>
auto with_replay(const ProblemNow& problem_now) {
  auto problem = problem_now();
  if (is_capturing()) problem.at_replay = problem_now;
  return problem;
}

}  // namespace

Optimizer::Optimizer(std::vector<NamedTensor> parameters, const std::vector<std::string>& slot_names)
    : slot_names_(slot_names) {
  for (NamedTensor& parameter : parameters) {
    require(std::ranges::none_of(entries_, [&](const Entry& entry) { return entry.parameter.name == parameter.name; }),
            "optimizer", "two parameters are called \"{}\". Give each its own name, so that the state keeps both.",
            parameter.name);
    require(is_floating(parameter.tensor.dtype()), "optimizer",
            "the parameter {} is {}, which nothing small can be added to. Convert it, or leave it out.", parameter.name,
            name(parameter.tensor.dtype()));
    require(!is_half(parameter.tensor.dtype()), "optimizer",
            "the parameter {} is {}, too coarse to collect small steps. Keep the parameters in float32 and compute the "
            "products in {} by a ScopedPrecision.",
            parameter.name, name(parameter.tensor.dtype()), name(parameter.tensor.dtype()));
    Entry entry{std::move(parameter), {}};
    for (std::size_t slot = 0; slot < slot_names.size(); ++slot)
      entry.slots.push_back(zeros_like(entry.parameter.tensor));
    entries_.push_back(std::move(entry));
  }
}

void Optimizer::step(const StepNumber& learning_rate, const StepNumber& gradient_scale) {
  std::vector<Tensor> gradients;
  for (const Entry& entry : entries_) gradients.push_back(entry.parameter.tensor.grad());
  step(gradients, learning_rate, gradient_scale);
}

void Optimizer::step(const std::vector<Tensor>& gradients, const StepNumber& learning_rate,
                     const StepNumber& gradient_scale) {
  require(gradients.size() == entries_.size(), "optimizer", "got {} gradients for {} parameters. Give one for each.",
          gradients.size(), entries_.size());
  require(std::isfinite(learning_rate.in_this_run()), "optimizer", "the learning rate is {}. Take a finite number.",
          learning_rate.in_this_run());
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const auto& [name, parameter] = entries_[i].parameter;
    require(gradients[i].defined(), "optimizer",
            "the parameter {} has no gradient. Call backward first, or leave it out of the optimizer.", name);
    require(gradients[i].shape() == parameter.shape(), "optimizer",
            "the gradient of {} has shape {}, the parameter {}. They must agree.", name,
            gradients[i].shape().to_string(), parameter.shape().to_string());
    require_same_kind("optimizer", parameter, gradients[i]);
  }
  const NoGrad no_grad;
  const TraceScope trace("optimizer step");
  ++steps_;
  if (kernels::DeviceGraph* graph = kernels::DeviceGraph::recording()) {
    graph->at_replay([this] { ++steps_; });
    graph->on_abandon([this] { --steps_; });
  }
  for (Entry& entry : entries_)
    for (Tensor& slot : entry.slots) move(slot, entry.parameter.tensor.device());
  std::map<std::pair<DeviceKind, DType>, std::vector<Update>> by_kind;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    Tensor& parameter = entries_[i].parameter.tensor;
    by_kind[{parameter.device(), parameter.dtype()}].push_back(
        {parameter, contiguous(gradients[i]), entries_[i].slots});
  }
  for (const auto& [kind, updates] : by_kind) update(updates, learning_rate, gradient_scale);
  if (observe::is_watched(observe::checking_finite))
    for (const Entry& entry : entries_)
      observe::check_update("optimizer step", entry.parameter.name, entry.parameter.tensor);
}

void Optimizer::clear_gradients() {
  for (Entry& entry : entries_) entry.parameter.tensor.set_grad({});
}

bool Optimizer::gradients_are_finite() const {
  const NoGrad no_grad;
  std::map<std::pair<DeviceKind, DType>, std::vector<Tensor>> sums;
  for (const Entry& entry : entries_)
    if (const Tensor gradient = entry.parameter.tensor.grad())
      sums[{gradient.device(), gradient.dtype()}].push_back(sum(gradient));
  return std::ranges::all_of(sums, [](const auto& group) { return std::isfinite(sum(stack(group.second, 0)).item()); });
}

double Optimizer::gradient_norm() const {
  double squares = 0;
  for (const Entry& entry : entries_) {
    const Tensor gradient = entry.parameter.tensor.grad();
    if (!gradient) continue;
    for (const double value : gradient.to(DType::float64).to_vector<double>()) squares += value * value;
  }
  return std::sqrt(squares);
}

double Optimizer::clip_scale(double limit) const {
  require(limit > 0, "optimizer", "the limit of the norm is {}. Take a positive number.", limit);
  const double norm = gradient_norm();
  return norm > limit ? limit / norm : 1;
}

void Optimizer::clip_gradient_norm(double limit) {
  require(limit > 0, "optimizer", "the limit of the norm is {}. Take a positive number.", limit);
  const NoGrad no_grad;
  Tensor squares;
  for (const Entry& entry : entries_) {
    const Tensor gradient = entry.parameter.tensor.grad();
    if (!gradient) continue;
    const Tensor own = sum(square(gradient.to(DType::float64)));
    squares = squares ? squares + to_device(own, squares.device()) : own;
  }
  if (!squares) return;
  const Tensor norm = sqrt(squares);
  const Tensor scale = minimum(scalar_like(norm, limit) / norm, scalar_like(norm, 1));
  for (Entry& entry : entries_) {
    Tensor& parameter = entry.parameter.tensor;
    if (const Tensor gradient = parameter.grad())
      parameter.set_grad(gradient * to_device(scale, gradient.device()).to(gradient.dtype()));
  }
}

void Optimizer::clip_gradients(double limit) {
  require(limit > 0, "optimizer", "the limit of the gradients is {}. Take a positive number.", limit);
  const NoGrad no_grad;
  for (Entry& entry : entries_) {
    Tensor& parameter = entry.parameter.tensor;
    const Tensor gradient = parameter.grad();
    if (gradient)
      parameter.set_grad(maximum(minimum(gradient, scalar_like(gradient, limit)), scalar_like(gradient, -limit)));
  }
}

void Optimizer::require_share(std::string_view op, std::string_view name, double value) {
  require(value >= 0 && value < 1, op, "the {} is {}. Take one in [0, 1).", name, value);
}

void Optimizer::require_amount(std::string_view op, std::string_view name, double value) {
  require(value >= 0 && std::isfinite(value), op, "the {} is {}. Take 0 or more.", name, value);
}

State Optimizer::state() const {
  State result;
  result.emplace("step", full({}, static_cast<double>(steps_), DType::int64, DeviceKind::cpu));
  for (const auto& [parameter, slots] : entries_) {
    for (std::size_t slot = 0; slot < slots.size(); ++slot)
      result.emplace(fmt::format("{}.{}", parameter.name, slot_names_[slot]), slots[slot]);
  }
  return result;
}

void Optimizer::load_state(const State& state) {
  std::vector<NamedTensor> targets;
  for (const auto& [name, tensor] : this->state()) targets.push_back({name, tensor});
  const auto step = state.find("step");
  const bool is_count =
      step != state.end() && step->second.defined() && step->second.rank() == 0 && step->second.dtype() == DType::int64;
  const auto steps = is_count ? step->second.item<std::int64_t>() : 0;
  require(steps >= 0, "optimizer", "the state claims {} steps. Load a state saved by an optimizer.", steps);
  load_strictly("optimizer", std::move(targets), state);
  steps_ = steps;
}

Sgd::Sgd(std::vector<NamedTensor> parameters, const SgdOptions& options)
    : Optimizer(std::move(parameters),
                options.momentum != 0 ? std::vector<std::string>{"velocity"} : std::vector<std::string>{}),
      options_(options) {
  require_share("Sgd", "momentum", options.momentum);
  require_amount("Sgd", "weight decay", options.weight_decay);
  require(!options.nesterov || options.momentum > 0, "Sgd", "Nesterov needs a momentum. Set one, 0.9 for example.");
}

void Sgd::update(const std::vector<Update>& updates, const StepNumber& learning_rate,
                 const StepNumber& gradient_scale) {
  const auto problem_now = [this, learning_rate, gradient_scale] {
    return kernels::SgdProblem{.learning_rate = learning_rate.in_this_run(),
                               .momentum = options_.momentum,
                               .weight_decay = options_.weight_decay,
                               .nesterov = options_.nesterov,
                               .gradient_scale = gradient_scale.in_this_run()};
  };
  const kernels::SgdProblem problem = with_replay(problem_now);
  const Tensor& first = updates.front().parameter;
  visit_floating("Sgd", first.dtype(), [&]<class T>(TypeTag<T>) {
    std::vector<kernels::SgdParameter<T>> parameters;
    for (const auto& [parameter, gradient, slots] : updates)
      parameters.push_back({begin_update<T>(parameter), gradient.template data<T>(),
                            slots.empty() ? nullptr : begin_update<T>(slots[0]), parameter.numel()});
    launch<kernels::SgdMany<T>>("Sgd", first.device(), kernels::cpu::sgd_many<T>, problem,
                                std::span<const kernels::SgdParameter<T>>(parameters));
  });
}

Adam::Adam(std::vector<NamedTensor> parameters, const AdamOptions& options)
    : Optimizer(std::move(parameters), {"first_moment", "second_moment"}), options_(options) {
  require(options.beta1 >= 0 && options.beta1 < 1 && options.beta2 >= 0 && options.beta2 < 1, "Adam",
          "beta1 is {} and beta2 {}. Take both in [0, 1).", options.beta1, options.beta2);
  require_amount("Adam", "epsilon", options.epsilon);
  require_amount("Adam", "weight decay", options.weight_decay);
}

void Adam::update(const std::vector<Update>& updates, const StepNumber& learning_rate,
                  const StepNumber& gradient_scale) {
  const auto problem_now = [this, learning_rate, gradient_scale] {
    return kernels::AdamProblem{.learning_rate = learning_rate.in_this_run(),
                                .beta1 = options_.beta1,
                                .beta2 = options_.beta2,
                                .epsilon = options_.epsilon,
                                .weight_decay = options_.weight_decay,
                                .decoupled = options_.decoupled,
                                .gradient_scale = gradient_scale.in_this_run(),
                                .step = steps()};
  };
  const kernels::AdamProblem problem = with_replay(problem_now);
  const Tensor& first = updates.front().parameter;
  visit_floating("Adam", first.dtype(), [&]<class T>(TypeTag<T>) {
    std::vector<kernels::AdamParameter<T>> parameters;
    for (const auto& [parameter, gradient, slots] : updates)
      parameters.push_back({begin_update<T>(parameter), gradient.template data<T>(), begin_update<T>(slots[0]),
                            begin_update<T>(slots[1]), parameter.numel()});
    launch<kernels::AdamMany<T>>("Adam", first.device(), kernels::cpu::adam_many<T>, problem,
                                 std::span<const kernels::AdamParameter<T>>(parameters));
  });
}

AdamW::AdamW(std::vector<NamedTensor> parameters, AdamOptions options)
    : Adam(std::move(parameters), [&options] {
        options.decoupled = true;
        return options;
      }()) {}

namespace {

std::vector<std::string> slots_of(const RmsPropOptions& options) {
  std::vector<std::string> names{"square"};
  if (options.momentum != 0) names.emplace_back("velocity");
  if (options.centred) names.emplace_back("mean");
  return names;
}

}  // namespace

RmsProp::RmsProp(std::vector<NamedTensor> parameters, const RmsPropOptions& options)
    : Optimizer(std::move(parameters), slots_of(options)), options_(options) {
  require_share("RmsProp", "smoothing", options.smoothing);
  require_share("RmsProp", "momentum", options.momentum);
  require_amount("RmsProp", "epsilon", options.epsilon);
  require_amount("RmsProp", "weight decay", options.weight_decay);
}

void RmsProp::update(const std::vector<Update>& updates, const StepNumber& learning_rate,
                     const StepNumber& gradient_scale) {
  const auto problem_now = [this, learning_rate, gradient_scale] {
    return kernels::RmsPropProblem{.learning_rate = learning_rate.in_this_run(),
                                   .smoothing = options_.smoothing,
                                   .momentum = options_.momentum,
                                   .epsilon = options_.epsilon,
                                   .weight_decay = options_.weight_decay,
                                   .centred = options_.centred,
                                   .gradient_scale = gradient_scale.in_this_run()};
  };
  const kernels::RmsPropProblem problem = with_replay(problem_now);
  const bool has_velocity = options_.momentum != 0;
  const Tensor& first = updates.front().parameter;
  visit_floating("RmsProp", first.dtype(), [&]<class T>(TypeTag<T>) {
    std::vector<kernels::RmsPropParameter<T>> parameters;
    for (const auto& [parameter, gradient, slots] : updates)
      parameters.push_back({begin_update<T>(parameter), gradient.template data<T>(), begin_update<T>(slots[0]),
                            has_velocity ? begin_update<T>(slots[1]) : nullptr,
                            options_.centred ? begin_update<T>(slots.back()) : nullptr, parameter.numel()});
    launch<kernels::RmsPropMany<T>>("RmsProp", first.device(), kernels::cpu::rmsprop_many<T>, problem,
                                    std::span<const kernels::RmsPropParameter<T>>(parameters));
  });
}

}  // namespace orbitgrad::nn
