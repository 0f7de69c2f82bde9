#include "nn/nearest_name.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>

#include "engine/error.hpp"
#include "groups/printable.hpp"

namespace orbitgrad::nn {

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::size_t> distance((a.size() + 1) * width);
  const auto at = [&](std::size_t i, std::size_t j) -> std::size_t& { return distance[i * width + j]; };
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        at(i, j) = i + j;
        continue;
      }
      const std::size_t replaced = at(i - 1, j - 1) + (a[i - 1] != b[j - 1] ? 1 : 0);
      at(i, j) = std::min({at(i - 1, j) + 1, at(i, j - 1) + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 1);
    }
  }
  return distance.back();
}

}  // namespace

std::string nearest_name(std::string_view name, const std::vector<std::string>& names) {
  name = name.substr(0, 256);  // the time is the product of the lengths
  const auto rank = [&](const std::string& candidate) {
    const auto prefix = std::ranges::mismatch(name, candidate).in1 - name.begin();
    return std::tuple(!candidate.starts_with(name), edit_distance(name, candidate), -prefix);
  };
  const auto nearest = std::ranges::min_element(names, {}, rank);
  return nearest == names.end() ? "" : *nearest;
}

void fail_unknown_name(std::string_view op, std::string_view what, std::string_view name,
                       const std::vector<std::string>& names) {
  fail(op, R"(unknown {} "{}". Did you mean "{}"? Known: {}.)", what, printable(name), nearest_name(name, names),
       fmt::join(names, ", "));
}

}  // namespace orbitgrad::nn
