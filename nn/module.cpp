#include "nn/module.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "engine/update.hpp"

namespace orbitgrad::nn {

namespace {

std::string kind_of(const Tensor& x) { return fmt::format("{} {}", name(x.dtype()), x.shape().to_string()); }

bool fits(const Tensor& target, const Tensor& source) {
  return source.defined() && source.dtype() == target.dtype() && source.shape() == target.shape();
}

std::string joined(std::string_view what, const std::vector<std::string>& names) {
  return names.empty() ? "" : fmt::format(" {}: {}.", what, fmt::join(names, ", "));
}

}  // namespace

void load_strictly(std::string_view op, std::vector<NamedTensor> targets, const State& state) {
  std::vector<std::string> missing, unexpected, different;
  for (const auto& [name, target] : targets) {
    const auto found = state.find(name);
    if (found == state.end())
      missing.push_back(name);
    else if (!fits(target, found->second))
      different.push_back(fmt::format("{} (is {}, must be {})", name,
                                      found->second.defined() ? kind_of(found->second) : "undefined", kind_of(target)));
  }
  for (const auto& [name, source] : state) {
    if (std::ranges::find(targets, name, &NamedTensor::name) == targets.end()) unexpected.push_back(name);
  }
  require(missing.empty() && unexpected.empty() && different.empty(), op,
          "the state does not fit.{}{}{} Nothing was changed. Load a state saved from the same model.",
          joined("Missing", missing), joined("Unexpected", unexpected), joined("Of another kind", different));
  for (auto& [name, target] : targets) assign(target, state.at(name));
}

Tensor Module::forward(const Tensor&, const Pass&) {
  fail("module", "this module takes more than one tensor. Call the function that its class declares.");
}

void Module::check_name(std::string_view name) const {
  require(!name.empty() && name.find('.') == name.npos, "module",
          "\"{}\" cannot name a part of a module. Take a name that is not empty and has no dot.", name);
  const bool is_used = std::ranges::find(parameters_, name, &NamedTensor::name) != parameters_.end() ||
                       std::ranges::find(buffers_, name, &NamedTensor::name) != buffers_.end() ||
                       std::ranges::any_of(children_, [&](const auto& child) { return child.first == name; });
  require(!is_used, "module", "the module already has a part called \"{}\". Take another name.", name);
}

Tensor Module::register_parameter(std::string name, Tensor initial) {
  check_name(name);
  initial.set_requires_grad();
  parameters_.push_back({std::move(name), initial});
  return initial;
}

Tensor Module::register_buffer(std::string name, Tensor initial) {
  check_name(name);
  buffers_.push_back({std::move(name), initial});
  return initial;
}

void Module::register_child(std::string name, std::shared_ptr<Module> child) {
  check_name(name);
  require(child != nullptr, "module", "the child \"{}\" is null. Make it first, with std::make_shared.", name);
  children_.emplace_back(std::move(name), std::move(child));
}

void Module::collect(std::string_view prefix, std::vector<NamedTensor> Module::*list,
                     std::vector<NamedTensor>& found) const {
  for (const auto& [name, tensor] : this->*list) found.push_back({fmt::format("{}{}", prefix, name), tensor});
  for (const auto& [name, child] : children_) child->collect(fmt::format("{}{}.", prefix, name), list, found);
}

std::vector<NamedTensor> Module::named_parameters() const {
  std::vector<NamedTensor> found;
  collect("", &Module::parameters_, found);
  return found;
}

std::vector<NamedTensor> Module::named_buffers() const {
  std::vector<NamedTensor> found;
  collect("", &Module::buffers_, found);
  return found;
}

std::vector<Tensor> Module::parameters() const {
  std::vector<Tensor> found;
  for (const auto& [name, tensor] : named_parameters()) found.push_back(tensor);
  return found;
}

std::int64_t Module::parameter_count() const {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : named_parameters()) count += tensor.numel();
  return count;
}

DeviceKind Module::device() const {
  const std::vector<Tensor> found = parameters();
  return found.empty() ? default_device() : found.front().device();
}

void Module::to(DeviceKind device) {
  for (NamedTensor& parameter : named_parameters()) move(parameter.tensor, device);
  for (NamedTensor& buffer : named_buffers()) move(buffer.tensor, device);
}

State Module::state() const {
  State result;
  for (const auto& [name, tensor] : named_parameters()) result.emplace(name, tensor.detach());
  for (const auto& [name, tensor] : named_buffers()) result.emplace(name, tensor);
  return result;
}

void Module::load_state(const State& state) {
  std::vector<NamedTensor> targets = named_parameters();
  for (NamedTensor& buffer : named_buffers()) targets.push_back(std::move(buffer));
  load_strictly("load_state", std::move(targets), state);
}

Sequential& Sequential::add(std::string name, std::shared_ptr<Module> layer) {
  register_child(std::move(name), std::move(layer));
  return *this;
}

Tensor Sequential::forward(const Tensor& x, const Pass& pass) {
  Tensor y = x;
  std::uint64_t i = 0;
  for (const auto& [name, layer] : children()) y = layer->forward(y, pass.child(i++));
  return y;
}

}  // namespace orbitgrad::nn
