#include "experiments/op_listing.hpp"

#include <fmt/ranges.h>

#include <map>
#include <nlohmann/json.hpp>

#include "engine/catalogue/kernels_of.hpp"

namespace orbitgrad::experiments {

namespace {

using catalogue::Argument;
using catalogue::Op;
using catalogue::Presence;
using catalogue::Setting;

std::map<std::string, OpList> by_family(const OpList& ops) {
  std::map<std::string, OpList> families;
  for (const Op* op : ops) families[op->family].push_back(op);
  return families;
}

std::string written(const Argument& argument) {
  switch (argument.presence) {
    case Presence::required:
      return argument.name;
    case Presence::optional:
      return fmt::format("[{}]", argument.name);
    case Presence::several:
      return fmt::format("{0}0, {0}1, ...", argument.name);
  }
  return argument.name;
}

/// "conv2d(x, w, [b])"
std::string call_of(const Op& op) {
  std::vector<std::string> words;
  for (const Argument& argument : op.arguments) words.push_back(written(argument));
  return fmt::format("{}({})", op.name, fmt::join(words, ", "));
}

std::string default_of(const Setting& setting) {
  if (!setting.default_value) return "must be given";
  return setting.default_value->empty() ? "empty" : *setting.default_value;
}

std::vector<DeviceKind> available_devices() {
  std::vector<DeviceKind> devices;
  for (const DeviceStatus& status : device_statuses())
    if (status.available) devices.push_back(status.device);
  return devices;
}

std::string details(const Op& op) {
  std::string text = fmt::format("{}\n  {}\n  declared in {}, derivatives: {}\n", call_of(op), op.summary, op.header,
                                 name(op.derivatives));
  for (const Argument& argument : op.arguments)
    text += fmt::format("  {:<22} {}, {}\n", written(argument), argument.shape, name(argument.elements));
  for (const Setting& setting : op.settings) {
    text += fmt::format("  {:<22} {} ({}; {})", setting.name + "=", setting.meaning, name(setting.type),
                        default_of(setting));
    if (!setting.choices.empty()) text += fmt::format(": {}", fmt::join(setting.choices, ", "));
    text += '\n';
  }
  text += fmt::format("  gives {}\n", fmt::join(op.results, ", "));
  for (const DeviceKind device : available_devices())
    for (const catalogue::KernelOfOp& kernel : kernels_of(op, device))
      text += fmt::format("  {:<5} {}: {}\n", orbitgrad::name(device), kernel.kernel, fmt::join(kernel.versions, ", "));
  return text;
}

nlohmann::ordered_json json_of(const Op& op, const std::vector<DeviceKind>& devices) {
  nlohmann::ordered_json result = {{"name", op.name},       {"family", op.family},
                                   {"header", op.header},   {"summary", op.summary},
                                   {"results", op.results}, {"derivatives", name(op.derivatives)}};
  result["arguments"] = nlohmann::ordered_json::array();
  for (const Argument& argument : op.arguments)
    result["arguments"].push_back({{"name", argument.name},
                                   {"shape", argument.shape},
                                   {"elements", name(argument.elements)},
                                   {"optional", argument.presence == Presence::optional},
                                   {"list", argument.presence == Presence::several}});
  result["settings"] = nlohmann::ordered_json::array();
  for (const Setting& setting : op.settings) {
    nlohmann::ordered_json entry = {{"name", setting.name}, {"type", name(setting.type)}, {"meaning", setting.meaning}};
    entry["default"] = setting.default_value ? nlohmann::ordered_json(*setting.default_value) : nullptr;
    if (!setting.choices.empty()) entry["choices"] = setting.choices;
    if (setting.name == "group") result["groups"] = setting.choices;
    result["settings"].push_back(std::move(entry));
  }
  result["implementations"] = nlohmann::ordered_json::object();
  for (const DeviceKind device : devices) {
    nlohmann::ordered_json kernels = nlohmann::ordered_json::object();
    for (const catalogue::KernelOfOp& kernel : kernels_of(op, device)) kernels[kernel.kernel] = kernel.versions;
    result["implementations"][std::string(orbitgrad::name(device))] = std::move(kernels);
  }
  return result;
}

/// Text inside a table of Markdown.
std::string cell(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '|' || c == '<' || c == '*' || c == '_' || c == '[') result += '\\';
    result += c;
  }
  return result;
}

std::string arguments_cell(const Op& op) {
  std::vector<std::string> words;
  for (const Argument& argument : op.arguments)
    words.push_back(fmt::format("{} {}", cell(argument.name), cell(argument.shape)));
  return fmt::format("{}", fmt::join(words, "; "));
}

std::string settings_cell(const Op& op) {
  std::vector<std::string> words;
  for (const Setting& setting : op.settings)
    words.push_back(setting.default_value && !setting.default_value->empty()
                        ? fmt::format("`{}={}`", setting.name, *setting.default_value)
                        : fmt::format("`{}`", setting.name));
  return fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace

std::string op_lines(const OpList& ops) {
  if (ops.size() == 1) return details(*ops.front());
  std::string text;
  for (const auto& [family, members] : by_family(ops)) {
    text += family + "\n";
    for (const Op* op : members) text += fmt::format("  {:<46} {}\n", call_of(*op), op->summary);
  }
  return text;
}

std::string op_json(const OpList& ops) {
  const std::vector<DeviceKind> devices = available_devices();
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Op* op : ops) list.push_back(json_of(*op, devices));
  return list.dump(1) + "\n";
}

std::string op_page(const OpList& ops) {
  std::string text =
      "# The ops\n\n"
      "Written by `orbitgrad op --list --markdown` from the catalogue of the engine; a test holds it current.\n"
      "`orbitgrad op NAME --list` shows one op with its settings and the versions of its kernels, and\n"
      "`orbitgrad op NAME --in x=x.npy --out DIR` runs it. Arguments in brackets may be left out. Derivatives: with\n"
      "respect to the arguments listed, of the first result; `every order` is checked against differences to the\n"
      "second by a test.\n";
  for (const auto& [family, members] : by_family(ops)) {
    text += fmt::format("\n## {}{}\n\n", static_cast<char>(std::toupper(static_cast<unsigned char>(family[0]))),
                        family.substr(1));
    text += "| op | what it gives | arguments | settings | derivatives | declared in |\n|---|---|---|---|---|---|\n";
    for (const Op* op : members) {
      std::vector<std::string> inputs;
      for (const Argument& argument : op->arguments)
        if (argument.is_differentiable && allows(argument.elements, DType::float64)) inputs.push_back(argument.name);
      const bool has_derivative = op->derivatives != catalogue::Derivatives::none;
      text += fmt::format(
          "| `{}` | {} | {} | {} | {} | `{}` |\n", call_of(*op), cell(op->summary), arguments_cell(*op),
          settings_cell(*op),
          has_derivative ? fmt::format("{}, by {}", name(op->derivatives), fmt::join(inputs, ", ")) : "none",
          op->header);
    }
  }
  return text;
}

}  // namespace orbitgrad::experiments
