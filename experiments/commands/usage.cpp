#include "experiments/commands/usage.hpp"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "nn/nearest_name.hpp"

namespace orbitgrad::experiments {

namespace {

/// "orbitgrad train rotmnist"
std::string full_name(const CLI::App& app) {
  const std::string name = app.get_name().empty() ? "orbitgrad" : app.get_name();
  return app.get_parent() == nullptr ? name : full_name(*app.get_parent()) + " " + name;
}

const CLI::App& deepest(const CLI::App& app) {
  const auto called = app.get_subcommands();
  return called.empty() ? app : deepest(*called.front());
}

/// Whether all of the text is a number of this type.
template <class T>
bool parses(const std::string& text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string called_command(const CLI::App& app) { return full_name(deepest(app)); }

std::string problem_of_seed(const std::string& text) {
  std::int64_t value = -1;
  return parses(text, value) && value >= 0
             ? ""
             : fmt::format("'{}' is no whole number from 0 to {}", text, std::numeric_limits<std::int64_t>::max());
}

std::string problem_of_positive_number(const std::string& text) {
  double value = 0;
  return parses(text, value) && std::isfinite(value) && value > 0
             ? ""
             : fmt::format("'{}' is no positive number, like 0.001", text);
}

void check_folder_name(std::string_view op, std::string_view name) {
  if (name != "." && name != ".." && name.find('/') == name.npos) return;
  throw UsageError(fmt::format(
      "[{}] '{}' is a path, --name takes the name of a folder. Give the path before it with --out.", op, name));
}

void check_choice(std::string_view op, std::string_view what, std::string_view name,
                  const std::vector<std::string>& names) {
  if (std::ranges::find(names, name) != names.end()) return;
  try {
    nn::fail_unknown_name(op, what, name, names);
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

void check_all_words_used(const CLI::App& root) {
  const CLI::App& app = deepest(root);
  const std::string command = full_name(app);
  const std::vector<std::string> words = root.remaining(true);
  std::vector<std::string> commands, options;
  for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; }))
    commands.push_back(child->get_name());
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) options.push_back("--" + name);

  const auto plain = std::ranges::find_if(words, [](const std::string& word) { return !word.starts_with('-'); });
  if (!commands.empty() && plain != words.end())
    check_choice(command, app.get_parent() == nullptr ? "command" : "experiment", *plain, commands);
  if (!words.empty() && words.front().starts_with('-'))
    check_choice(command, "option", words.front().substr(0, words.front().find('=')), options);
  if (!words.empty())
    throw UsageError(fmt::format("[{}] '{}' is not expected here. See {} --help.", command, words.front(), command));
  if (!commands.empty())
    throw UsageError(fmt::format("[{}] what shall it do? Give one of: {}. See {} --help.", command,
                                 fmt::join(commands, ", "), command));
}

}  // namespace orbitgrad::experiments
