#include "groups/orbit.hpp"

#include <algorithm>
#include <utility>

namespace orbitgrad::groups {

Orbits orbits(const Action& action) {
  Orbits result;
  result.orbit_of.assign(static_cast<std::size_t>(action.points()), -1);
  for (std::int64_t first = 0; first < action.points(); ++first) {
    if (result.orbit_of[static_cast<std::size_t>(first)] >= 0) continue;
    std::vector<std::int32_t> members;
    for (int s = 0; s < action.group().order(); ++s) {
      const std::int32_t point = action.destination(s, first);
      auto& number = result.orbit_of[static_cast<std::size_t>(point)];
      if (number >= 0) continue;
      number = static_cast<std::int32_t>(result.members.size());
      members.push_back(point);
    }
    std::sort(members.begin(), members.end());
    result.members.push_back(std::move(members));
  }
  return result;
}

Subgroup stabilizer(const Action& action, std::int64_t point) {
  std::vector<int> elements;
  for (int s = 0; s < action.group().order(); ++s) {
    if (action.destination(s, point) == point) elements.push_back(s);
  }
  return {action.group(), std::move(elements)};
}

std::int64_t orbit_count(const Action& action) {
  std::int64_t fixed = 0;
  for (int s = 0; s < action.group().order(); ++s) fixed += action.fixed_point_count(s);
  return fixed / action.group().order();
}

bool is_transitive(const Action& action) { return orbit_count(action) == 1; }

bool is_free(const Action& action) {
  for (int s = 0; s < action.group().order(); ++s) {
    if (s != action.group().identity() && action.fixed_point_count(s) > 0) return false;
  }
  return true;
}

}  // namespace orbitgrad::groups
