// Orbits G i = {s i} and stabilizers G_i = {s : s i = i} of an action: |G i| |G_i| = |G|.
// Burnside's lemma: the number of orbits is the mean over s of the number of points that s fixes.
#pragma once

#include <cstdint>
#include <vector>

#include "groups/action.hpp"
#include "groups/subgroup.hpp"

namespace orbitgrad::groups {

/// A partition of the points into orbits: points sorted within an orbit, orbits sorted by their first point.
struct Orbits {
  std::vector<std::vector<std::int32_t>> members;  // [orbits]
  std::vector<std::int32_t> orbit_of;              // [points]
};

[[nodiscard]] Orbits orbits(const Action& action);

/// The elements that fix the point. Error if it is out of range.
[[nodiscard]] Subgroup stabilizer(const Action& action, std::int64_t point);

/// Number of orbits by Burnside's lemma, without finding them.
[[nodiscard]] std::int64_t orbit_count(const Action& action);

/// One orbit only (false for no points).
[[nodiscard]] bool is_transitive(const Action& action);

/// No element but the identity fixes a point.
[[nodiscard]] bool is_free(const Action& action);

}  // namespace orbitgrad::groups
