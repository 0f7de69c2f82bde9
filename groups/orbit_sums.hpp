// The sums P[f, f'] of irrep_frame.hpp as a program without loops: partial sums that several of them share are made
// once (the butterflies of a fast Fourier transform), and the order of every sum survives a translation of x by any
// group element, so that the translated x gives the same bits in other places. A sum runs down a chain of subgroups,
// coset by coset; each step has two or three terms, and what adds them does not know their order.
#pragma once

#include <array>
#include <vector>

#include "groups/irrep_frame.hpp"

namespace orbitgrad::groups {

/// value = v[a] + sign_b v[b] + sign_c v[c], symmetric in its terms; c < 0: two terms.
struct OrbitSumStep {
  std::int32_t a, b, c, sign_b, sign_c;
};

/// sign v[value].
struct SignedValue {
  std::int32_t value, sign;
};

/// Values 0 .. S-1 are x[0 .. S-1]; step i makes value S + i from earlier ones.
struct OrbitSums {
  std::vector<OrbitSumStep> steps;
  std::vector<std::vector<SignedValue>> sums;  ///< [irrep][n n]: P[f, f'] at f n + f'
};

/// Error: no chain of subgroups of index 2 and 3 was found in a stabilizer (the order has other prime factors, or the
/// group needs many generators). Every voxel group has one.
[[nodiscard]] OrbitSums orbit_sums(const FiniteGroup& group, const std::vector<IrrepFrame>& frames);

}  // namespace orbitgrad::groups
