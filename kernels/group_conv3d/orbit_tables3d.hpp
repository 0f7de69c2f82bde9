// The permutations of one problem. Natural rows (t, v), plane t and tap v of an input field, for the orbit gather;
// orbit reads (w, sigma) for the irrep blocks, where one representative w of an orbit of taps stands for all of it:
//   y[s] = sum_{w, g} a[w, g] X[w, s g],   X[w, sigma] = x[sigma, o + sigma w],   a[w, g] = weight w[g, g w].
#pragma once

#include "kernels/group_conv3d/group_conv3d.hpp"

namespace orbitgrad::kernels::cpu {

/// rows[s][d]: the row that output element s multiplies with entry d = (g, v) of the base filter: (h_s g, h_s v).
inline std::vector<std::int32_t> gather_rows(const GroupConv3dProblem& problem) {
  const std::int64_t taps = problem.taps(), planes = problem.in_order, depth = planes * taps;
  std::vector<std::int32_t> rows(static_cast<std::size_t>(problem.order * depth));
  for (std::int64_t s = 0; s < problem.order; ++s)
    for (std::int64_t v = 0; v < taps; ++v) {
      const std::int32_t moved = transform_tap3d(problem.matrices + 9 * s, problem.kernel, v, false);
      for (std::int64_t t = 0; t < planes; ++t) {
        const std::int64_t g = planes == 1 ? 0 : problem.filter_element[s * problem.order + t];
        rows[static_cast<std::size_t>(s * depth + g * taps + v)] = static_cast<std::int32_t>(t * taps) + moved;
      }
    }
  return rows;
}

/// Where the base filter of the input gradient reads w[k, c]: w*[c, k, r, v] = w[k, c, r^-1, -r^-1 v]; for lifting
/// w[k, c, -r^-1 v].
inline std::vector<std::int32_t> transposed_filter_entries(const GroupConv3dProblem& problem) {
  const std::int64_t taps = problem.taps();
  std::vector<std::int32_t> entries;
  for (std::int64_t r = 0; r < problem.order; ++r) {
    const std::int64_t element = problem.in_order == 1 ? 0 : problem.filter_element[r * problem.order];
    for (std::int64_t v = 0; v < taps; ++v)
      entries.push_back(static_cast<std::int32_t>(element * taps + taps - 1 -
                                                  transform_tap3d(problem.matrices + 9 * r, problem.kernel, v, true)));
  }
  return entries;
}

struct OrbitReads3d {
  std::int64_t taps = 0;                 ///< representatives w: all taps, or one of each orbit for lifting
  std::vector<std::int32_t> plane, tap;  ///< [taps, S]: where X[w, sigma] reads
  std::vector<std::int32_t> entry;       ///< [taps, S]: where a[w, g] reads the base filter
  std::vector<double> weight;            ///< [taps]: 1 / the number of elements that fix w
};

inline OrbitReads3d orbit_reads3d(const GroupConv3dProblem& problem) {
  const bool lifts = problem.in_order == 1;
  OrbitReads3d reads;
  for (std::int64_t w = 0; w < problem.taps(); ++w) {
    std::vector<std::int32_t> moved;
    bool is_first = true;
    int fixing = 0;
    for (std::int64_t s = 0; s < problem.order; ++s) {
      moved.push_back(transform_tap3d(problem.matrices + 9 * s, problem.kernel, w, false));
      is_first = is_first && moved.back() >= w;
      fixing += moved.back() == w ? 1 : 0;
    }
    if (lifts && !is_first) continue;
    ++reads.taps;
    reads.weight.push_back(lifts ? 1.0 / fixing : 1.0);
    for (std::int64_t s = 0; s < problem.order; ++s) {
      const auto plane = static_cast<std::int32_t>(lifts ? 0 : s);
      reads.plane.push_back(plane);
      reads.tap.push_back(moved[static_cast<std::size_t>(s)]);
      reads.entry.push_back(plane * static_cast<std::int32_t>(problem.taps()) + moved[static_cast<std::size_t>(s)]);
    }
  }
  return reads;
}

}  // namespace orbitgrad::kernels::cpu
