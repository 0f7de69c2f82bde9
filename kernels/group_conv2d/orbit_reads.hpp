// What irrep blocks read of the input, the host's part: the table of a problem's taps, and which transform is its
// group's. What is done with them: irrep_transform.hpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/group_conv2d/group_conv2d.hpp"
#include "kernels/group_conv2d/irrep_transform.hpp"

namespace orbitgrad::kernels {

/// What group element r reads for tap w, at w order + r. An image has one plane for all elements (lifting): then X of
/// tap h w is X of w moved by h, and one tap of each orbit is enough, with the filter a[c,w,g] = w[c, h_g w] / m where
/// m elements leave w where it is.
struct OrbitReads {
  std::int64_t planes = 0, taps = 0;
  std::vector<std::int32_t> tap;           // h_r w
  std::vector<std::int32_t> filter_entry;  // (r, h_r w) in a filter [in_order, kernel, kernel]
  std::vector<double> weight;              // of tap w, 1 / m: a power of two
};

/// From fields of in_order planes.
inline OrbitReads orbit_reads(const GroupConv2dProblem& problem) {
  const auto kernel = static_cast<std::int32_t>(problem.kernel), order = static_cast<std::int32_t>(problem.order);
  const bool lifts = problem.in_order != problem.order;
  OrbitReads reads;
  reads.planes = problem.in_order;
  for (std::int32_t w = 0; w < kernel * kernel; ++w) {
    std::int32_t stabilizer = 0, first = w;
    for (std::int32_t r = 0; r < order; ++r) {
      const std::int32_t tap = transform_tap(problem.matrices + 4 * r, kernel, w);
      stabilizer += tap == w;
      first = std::min(first, tap);
    }
    if (lifts && first != w) continue;
    ++reads.taps;
    reads.weight.push_back(lifts ? 1.0 / stabilizer : 1.0);
    for (std::int32_t r = 0; r < order; ++r) {
      const std::int32_t tap = transform_tap(problem.matrices + 4 * r, kernel, w);
      reads.tap.push_back(tap);
      reads.filter_entry.push_back((lifts ? 0 : r) * kernel * kernel + tap);
    }
  }
  return reads;
}

/// Calls body(Irreps{}) with the transform of the problem's group.
template <class Body>
void with_irreps(const GroupConv2dProblem& problem, Body&& body) {
  switch (problem.order) {
    case 1:
      return body(TrivialIrreps{});
    case 2:
      return body(PairIrreps{});
    case 4:
      return body(QuarterTurnIrreps{});
    default:
      return body(SquareIrreps{});
  }
}

/// Whether irrep_transform.hpp has the problem's group in the problem's numbering: p1, p2, pm, p4 or p4m.
inline bool has_irreps(const GroupConv2dProblem& problem) {
  const std::int64_t order = problem.order;
  if (order != 1 && order != 2 && order != 4 && order != 8) return false;
  if ((problem.in_order != order && problem.in_order != 1) || problem.filter_element == nullptr) return false;
  bool result = true;
  with_irreps(problem, [&](auto irreps) {
    for (int s = 0; s < irreps.order; ++s)
      for (int t = 0; t < irreps.order; ++t)
        result = result && problem.filter_element[s * irreps.order + t] == irreps.element(s, t);
  });
  return result;
}

}  // namespace orbitgrad::kernels
