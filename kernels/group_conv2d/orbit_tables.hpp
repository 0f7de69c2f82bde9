// The permutations that make a group convolution a gather: the tables of one problem, small and made per call.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "kernels/group_conv2d/group_conv2d.hpp"

namespace orbitgrad::kernels::cpu {

/// rows[s][d]: the row (t, u) of an input field's lowered block, t kernel^2 + u, that output element s multiplies with
/// entry d = (g, v) of the base filter: t = h_s g and u = h_s v. Each is a permutation of 0..depth-1.
struct OrbitRows {
  std::int64_t outputs = 0, depth = 0;
  std::vector<std::int32_t> rows;

  const std::int32_t* of(std::int64_t s) const { return rows.data() + s * depth; }
};

inline OrbitRows orbit_rows(const GroupConv2dProblem& problem, bool over_group) {
  const auto order = static_cast<std::int32_t>(problem.order), kernel = static_cast<std::int32_t>(problem.kernel);
  const std::int32_t taps = kernel * kernel;
  OrbitRows result;
  result.outputs = order;
  result.depth = (over_group ? order : 1) * taps;
  result.rows.resize(static_cast<std::size_t>(result.outputs * result.depth));
  std::vector<std::int32_t> moved(static_cast<std::size_t>(taps));  // h_s v
  for (std::int32_t s = 0; s < order; ++s) {
    for (std::int32_t v = 0; v < taps; ++v)
      moved[static_cast<std::size_t>(v)] = transform_tap(problem.matrices + 4 * s, kernel, v);
    std::int32_t* rows = result.rows.data() + s * result.depth;
    for (std::int32_t t = 0; t < (over_group ? order : 1); ++t) {
      const std::int32_t g = over_group ? problem.filter_element[s * order + t] : 0;
      for (std::int32_t v = 0; v < taps; ++v) rows[g * taps + v] = t * taps + moved[static_cast<std::size_t>(v)];
    }
  }
  return result;
}

/// The rows of a sum that runs over the input in its own order: one output element, the identity.
inline OrbitRows identity_rows(std::int64_t depth) {
  OrbitRows result;
  result.outputs = 1;
  result.depth = depth;
  for (std::int64_t d = 0; d < depth; ++d) result.rows.push_back(static_cast<std::int32_t>(d));
  return result;
}

/// Whether the group turns hexagons: no element of D4 adds coordinates.
inline bool acts_on_hexagons(const GroupConv2dProblem& problem) {
  bool result = false;
  for (std::int64_t row = 0; row < 2 * problem.order; ++row)
    result = result || (problem.matrices[2 * row] != 0 && problem.matrices[2 * row + 1] != 0);
  return result;
}

/// Whether a tap of a square array lies on its hexagon.
constexpr bool is_on_hexagon(std::int32_t kernel, std::int32_t tap) {
  const std::int32_t sum = 2 * (tap / kernel + tap % kernel - (kernel - 1));  // of the doubled offsets from the centre
  return sum <= kernel - 1 && sum >= 1 - kernel;
}

/// The entries d = (g, v) of 0..depth-1 with which there is anything to multiply: on hexagons without the corners.
inline std::vector<std::int32_t> filter_entries(const GroupConv2dProblem& problem, std::int64_t depth) {
  const auto kernel = static_cast<std::int32_t>(problem.kernel);
  const bool on_hexagons = acts_on_hexagons(problem);
  std::vector<std::int32_t> entries;
  for (std::int32_t d = 0; d < depth; ++d)
    if (!on_hexagons || is_on_hexagon(kernel, d % (kernel * kernel))) entries.push_back(d);
  return entries;
}

/// Where the base filter of the input gradient reads w[k, c]: w*[c, k, r, v] = w[k, c, r^-1, -r^-1 v]. For lifting,
/// whose gradient sums over the elements s of dy: w*[c, k, s, u] = w[k, c, -h_s^-1 u].
inline std::vector<std::int32_t> transposed_filter_offsets(const GroupConv2dProblem& problem) {
  const auto order = static_cast<std::int32_t>(problem.order), kernel = static_cast<std::int32_t>(problem.kernel);
  const std::int32_t taps = kernel * kernel, identity = problem.filter_element[0];
  std::vector<std::int32_t> offsets;
  for (std::int32_t r = 0; r < order; ++r) {
    const std::int32_t element = problem.in_order == 1 ? 0 : problem.filter_element[r * order + identity];
    for (std::int32_t v = 0; v < taps; ++v)
      offsets.push_back(element * taps +
                        opposite_tap(kernel, inverse_transform_tap(problem.matrices + 4 * r, kernel, v)));
  }
  return offsets;
}

}  // namespace orbitgrad::kernels::cpu
