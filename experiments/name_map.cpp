#include "experiments/name_map.hpp"

#include <algorithm>

#include "engine/error.hpp"
#include "groups/printable.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr std::string_view op = "convert";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r"), last = text.find_last_not_of(" \t\r");
  return first == text.npos ? std::string_view() : text.substr(first, last - first + 1);
}

std::string filled(std::string_view pattern, const std::vector<std::string>& stars) {
  std::string name;
  std::size_t next = 0;
  for (const char c : pattern) {
    if (c == '*')
      name += stars[next++];
    else
      name += c;
  }
  return name;
}

}  // namespace

bool fits(std::string_view pattern, std::string_view name, std::vector<std::string>& stars) {
  stars.clear();
  const auto first_star = pattern.find('*');
  if (first_star == pattern.npos) return pattern == name;
  if (!name.starts_with(pattern.substr(0, first_star))) return false;
  name.remove_prefix(first_star);
  pattern.remove_prefix(first_star + 1);
  for (;;) {  // each piece between stars is taken where it comes first, the last one at the end
    const auto star = pattern.find('*');
    const std::string_view piece = pattern.substr(0, star);
    if (star == pattern.npos) {
      if (name.size() < piece.size() || !name.ends_with(piece)) return false;
      stars.emplace_back(name.substr(0, name.size() - piece.size()));
      return true;
    }
    const auto found = name.find(piece);
    if (found == name.npos) return false;
    stars.emplace_back(name.substr(0, found));
    name.remove_prefix(found + piece.size());
    pattern.remove_prefix(star + 1);
  }
}

NameMap::NameMap(std::string_view text) {
  std::int64_t number = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const auto arrow = line.find("->");
    require(arrow != line.npos, op, "line {} of the map, '{}', has no arrow. Write: old -> new.", number,
            printable(line));
    const std::string_view from = trimmed(line.substr(0, arrow)), to = trimmed(line.substr(arrow + 2));
    require(!from.empty() && !to.empty(), op,
            "line {} of the map, '{}', lacks a name. Write: old -> new, or old -> - to leave it out.", number,
            printable(line));
    require(std::ranges::count(to, '*') <= std::ranges::count(from, '*'), op,
            "line {} of the map, '{}', has more stars to the right than to the left. Each repeats one.", number,
            printable(line));
    rules_.push_back({std::string(from), to == "-" ? "" : std::string(to), number});
  }
}

std::map<std::string, Tensor> NameMap::rename(const std::map<std::string, Tensor>& tensors) const {
  std::map<std::string, Tensor> renamed;
  std::vector<bool> is_used(rules_.size());
  std::string problems;
  const auto report = [&](const std::string& problem) { problems += "\n  " + problem; };
  std::vector<std::string> stars;
  for (const auto& [name, tensor] : tensors) {
    std::size_t rule = 0;
    while (rule < rules_.size() && !fits(rules_[rule].from, name, stars)) ++rule;
    if (rule == rules_.size()) {
      report(fmt::format("no rule fits '{}' {}", printable(name), tensor.shape()));
      continue;
    }
    is_used[rule] = true;
    if (rules_[rule].to.empty()) continue;
    const std::string to = filled(rules_[rule].to, stars);
    if (!renamed.emplace(to, tensor).second)
      report(fmt::format("'{}' would be the name of '{}' and of another", printable(to), printable(name)));
  }
  for (std::size_t rule = 0; rule < rules_.size(); ++rule)
    if (!is_used[rule])
      report(fmt::format("line {}, '{}', fits nothing", rules_[rule].line, printable(rules_[rule].from)));
  if (!problems.empty()) fail(op, "the map does not fit the state. Correct these places:{}", problems);
  return renamed;
}

}  // namespace orbitgrad::experiments
