#include "engine/catalogue/catalogue.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "engine/ops/creation.hpp"
#include "groups/printable.hpp"
#include "kernels/philox.hpp"

namespace orbitgrad::catalogue {

namespace {

using Describe = std::vector<Op> (*)();

std::vector<Describe>& descriptions() {
  static std::vector<Describe> list;
  return list;
}

template <class T>
const T* find_named(const std::vector<T>& list, std::string_view name) {
  const auto found = std::ranges::find(list, name, &T::name);
  return found == list.end() ? nullptr : &*found;
}

template <class T>
std::string names_of(const std::vector<T>& list) {
  std::string text;
  for (const T& entry : list) {
    if (!text.empty()) text += ", ";
    text += entry.name;
    if constexpr (std::is_same_v<T, Argument>)
      if (entry.presence == Presence::several) text += "0, " + entry.name + "1, ...";
  }
  return text.empty() ? "none" : text;
}

/// Whether `name` is the argument, or "x7" for the list "x".
bool names(std::string_view name, const Argument& argument) {
  if (argument.presence != Presence::several) return name == argument.name;
  if (!name.starts_with(argument.name)) return false;
  name.remove_prefix(argument.name.size());
  return !name.empty() && name.size() <= 4 && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

std::string entry_name(std::string_view argument, std::size_t index) { return fmt::format("{}{}", argument, index); }

template <class T>
bool parses(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::int64_t parse_integer(std::string_view op, std::string_view setting, std::string_view text) {
  std::int64_t value = 0;
  if (!parses(text, value))
    fail(op, "the setting {} takes whole numbers, got '{}'. Write it like 2 or -1.", setting, printable(text));
  return value;
}

void check_tensors(const Op& op, const Tensors& tensors) {
  for (const auto& [name, tensor] : tensors) {
    require(find_argument(op, name) != nullptr, op.name, "there is no argument '{}'. The arguments are: {}.",
            printable(name), names_of(op.arguments));
  }
  for (const Argument& argument : op.arguments) {
    const std::string first = argument.presence == Presence::several ? entry_name(argument.name, 0) : argument.name;
    const auto found = tensors.find(first);
    require(argument.presence == Presence::optional || (found != tensors.end() && found->second.defined()), op.name,
            "the argument {} ({}) is missing. Give it.", first, argument.shape);
  }
}

void check_settings(const Op& op, const Settings& settings) {
  for (const auto& [name, text] : settings) {
    const Setting* setting = find_named(op.settings, name);
    require(setting != nullptr, op.name, "there is no setting '{}'. The settings are: {}.", printable(name),
            names_of(op.settings));
    require(setting->choices.empty() || std::ranges::find(setting->choices, text) != setting->choices.end() ||
                (text.empty() && setting->default_value == ""),
            op.name, "the setting {} cannot be '{}'. Choose one of {}.", name, printable(text),
            fmt::join(setting->choices, ", "));
  }
}

}  // namespace

std::string_view name(Elements elements) {
  switch (elements) {
    case Elements::floating:
      return "floating";
    case Elements::number:
      return "number";
    case Elements::any:
      return "any";
    case Elements::index:
      return "int64";
    case Elements::boolean:
      return "bool";
  }
  return "?";
}

bool allows(Elements elements, DType dtype) {
  switch (elements) {
    case Elements::floating:
      return is_floating(dtype);
    case Elements::number:
      return dtype != DType::boolean;
    case Elements::any:
      return true;
    case Elements::index:
      return dtype == DType::int64;
    case Elements::boolean:
      return dtype == DType::boolean;
  }
  return false;
}

std::string_view name(SettingType type) {
  switch (type) {
    case SettingType::integer:
      return "integer";
    case SettingType::number:
      return "number";
    case SettingType::flag:
      return "flag";
    case SettingType::word:
      return "word";
    case SettingType::integers:
      return "integers";
  }
  return "?";
}

std::string_view name(Derivatives derivatives) {
  switch (derivatives) {
    case Derivatives::none:
      return "none";
    case Derivatives::once:
      return "once";
    case Derivatives::every_order:
      return "every order";
  }
  return "?";
}

Call::Call(const Op& op, const Tensors& tensors, const Settings& settings)
    : op_(op.name), tensors_(tensors), settings_(settings) {
  check_tensors(op, tensors);
  check_settings(op, settings);
  for (const Argument& argument : op.arguments)
    if (argument.presence == Presence::optional) tensors_.try_emplace(argument.name);
  for (const Setting& setting : op.settings) {
    if (settings_.contains(setting.name)) continue;
    require(setting.default_value.has_value(), op_, "the setting {} ({}) is missing. Give it.", setting.name,
            setting.meaning);
    settings_.emplace(setting.name, *setting.default_value);
  }
}

const Tensor& Call::operator[](std::string_view argument) const { return tensors_.at(std::string(argument)); }

std::vector<Tensor> Call::list(std::string_view argument) const {
  std::vector<Tensor> result;
  for (auto found = tensors_.find(entry_name(argument, 0)); found != tensors_.end();
       found = tensors_.find(entry_name(argument, result.size())))
    result.push_back(found->second);
  const auto given =
      std::ranges::count_if(tensors_, [&](const auto& entry) { return entry.first.starts_with(argument); });
  require(given == static_cast<std::ptrdiff_t>(result.size()), op_,
          "the tensors of {0} are numbered from {0}0 without a gap, but {0}{1} is missing. Give it.", argument,
          result.size());
  return result;
}

const std::string& Call::word(std::string_view setting) const { return settings_.at(std::string(setting)); }

std::int64_t Call::integer(std::string_view setting) const { return parse_integer(op_, setting, word(setting)); }

int Call::small_integer(std::string_view setting) const {
  const std::int64_t value = integer(setting);
  require(value >= std::numeric_limits<int>::min() && value <= std::numeric_limits<int>::max(), op_,
          "the setting {} has 32 bits, got {}. Use a smaller number.", setting, value);
  return static_cast<int>(value);
}

double Call::number(std::string_view setting) const {
  double value = 0;
  if (!parses(word(setting), value))
    fail(op_, "the setting {} takes a number, got '{}'. Write it like 0.5 or 1e-3.", setting, printable(word(setting)));
  return value;
}

bool Call::flag(std::string_view setting) const { return word(setting) == "true"; }

std::vector<std::int64_t> Call::integers(std::string_view setting) const {
  std::vector<std::int64_t> result;
  std::string_view text = word(setting);
  while (!text.empty()) {
    const auto comma = text.find(',');
    result.push_back(parse_integer(op_, setting, text.substr(0, comma)));
    if (comma == text.npos) break;
    text.remove_prefix(comma + 1);
    require(!text.empty(), op_, "the setting {} ends with a comma. Write it like 2,-1,3.", setting);
  }
  return result;
}

int Call::axis(std::string_view setting) const {
  const std::int64_t value = integer(setting);
  require(value >= -kernels::max_rank && value < kernels::max_rank, op_,
          "the setting {} is an axis, got {}. A tensor has at most {} axes.", setting, value, kernels::max_rank);
  return static_cast<int>(value);
}

Axes Call::axes(std::string_view setting) const {
  Axes result;
  for (const std::int64_t value : integers(setting)) {
    require(value >= -kernels::max_rank && value < kernels::max_rank, op_,
            "the setting {} names axes, got {}. A tensor has at most {} axes.", setting, value, kernels::max_rank);
    result.push_back(static_cast<int>(value));
  }
  return result;
}

Shape Call::shape(std::string_view setting) const { return Shape(integers(setting)); }

DType Call::dtype(std::string_view setting) const {
  for (int i = 0; i < 16; ++i)
    if (orbitgrad::name(static_cast<DType>(i)) == word(setting)) return static_cast<DType>(i);
  fail(op_, "the setting {} is a dtype, got '{}'. Write it like float32.", setting, printable(word(setting)));
}

groups::LatticeGroup Call::group() const { return groups::lattice_group(word("group")); }

Tensor smooth_values(const Shape& shape, std::uint64_t key) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const kernels::PhiloxBlock block = kernels::philox(key, i);
    const double magnitude = 0.3 + 1.4 * kernels::uniform_double(block.word[0], block.word[1]);
    values[i] = (block.word[2] & 1) != 0 ? magnitude : -magnitude;
  }
  return from_vector(values, shape);
}

const std::vector<Op>& ops() {
  static const std::vector<Op> all = [] {
    std::vector<Op> list;
    for (const Describe describe : descriptions())
      for (Op& op : describe()) list.push_back(std::move(op));
    std::ranges::sort(list, {}, &Op::name);
    for (std::size_t i = 1; i < list.size(); ++i)
      require(list[i - 1].name != list[i].name, "catalogue", "the op {} is registered twice. Remove one.",
              list[i].name);
    return list;
  }();
  return all;
}

const Op* find_op(std::string_view name) { return find_named(ops(), name); }

const Argument* find_argument(const Op& op, std::string_view name) {
  const auto found = std::ranges::find_if(op.arguments, [&](const Argument& a) { return names(name, a); });
  return found == op.arguments.end() ? nullptr : &*found;
}

std::vector<Tensor> run(const Op& op, const Tensors& tensors, const Settings& settings) {
  return op.run(Call(op, tensors, settings)).tensors;
}

Tensors example_tensors(const Op& op, const Example& example) {
  Tensors result;
  for (std::size_t i = 0; i < example.tensors.size(); ++i) {
    const ExampleTensor& wanted = example.tensors[i];
    Tensor tensor = wanted.values(wanted.shape, i + 1);
    const Argument* argument = find_argument(op, wanted.name);
    if (op.derivatives != Derivatives::none && argument != nullptr && argument->is_differentiable &&
        is_floating(tensor.dtype()))
      tensor.set_requires_grad();
    result.emplace(wanted.name, std::move(tensor));
  }
  return result;
}

Registration::Registration(std::vector<Op> (*describe)()) { descriptions().push_back(describe); }

}  // namespace orbitgrad::catalogue
