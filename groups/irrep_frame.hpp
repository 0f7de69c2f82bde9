// Frames of irreps: vectors e_f that a real irrep permutes up to sign, rho(s) e_f = sign(s, f) e_image(s, f). Every
// orbit of a vector is one, and sum_f e_f e_f^T = n / d (Schur). In a frame a translation of a function x on the group
// permutes the rows of its Fourier transform up to sign, and where coordinates are 0, 1 and -1, as for every group of
// signed permutations of three axes, the transform has no rounding but that of additions:
//   P[f, f'] = sum over s with s e_f' = +-e_f of sign(s, f') x[s],        X[f, j] = sum_f' P[f, f'] coordinates[f', j],
//   x[s] = sum over irreps, f and i of sign(s, f) X[image(s, f), i] gram[f, i] / divisor.
// The correlation y[s] = sum_g a[g] x[s g] becomes Y = X A with
//   A[j, i] = sum_g a[g] sign(g, b_j) coordinates[image(g, b_j), i]:
// n d^2 products an irrep, where the sum over g has S^2 in all. n = d if some basis is a frame.
#pragma once

#include <vector>

#include "groups/irreps.hpp"

namespace orbitgrad::groups {

struct IrrepFrame {
  std::int64_t degree = 0;          ///< d
  std::int64_t size = 0;            ///< n, vectors up to sign
  std::vector<std::int32_t> image;  ///< [S, n]
  std::vector<std::int32_t> sign;   ///< [S, n], +1 or -1
  std::vector<std::int32_t> basis;  ///< [d], the vectors b_j that the others are written in
  std::vector<double> coordinates;  ///< [n, d], e_f = sum_j coordinates[f, j] e_{b_j}; whole numbers where they can be
  std::vector<double> gram;         ///< [n, d], <e_f, e_{b_i}> of unit vectors
  double divisor = 1;               ///< S type n / d^2

  [[nodiscard]] std::size_t at(std::int64_t s, std::int64_t f) const { return static_cast<std::size_t>(s * size + f); }
};

/// The smallest frame found of an irrep: among the orbits of vectors that two elements fix up to sign.
[[nodiscard]] IrrepFrame irrep_frame(const FiniteGroup& group, const Irrep& irrep);
/// Of every real irrep, in the order of irreps<double>(group).
[[nodiscard]] std::vector<IrrepFrame> irrep_frames(const FiniteGroup& group);

}  // namespace orbitgrad::groups
