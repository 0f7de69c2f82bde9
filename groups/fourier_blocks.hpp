// The Fourier transform of real functions on a finite group, from its real irreps. With rho of degree d over the
// algebra of real (t = 1), complex (2) or quaternionic (4) type, X[a, j] = sum_h x[h] <e_a, rho(h) f_j> for the d / t
// vectors e_a that the algebra carries to a basis: as many numbers as the group has elements. Schur's lemma:
//   y[g] = sum_k w[k] x[g k]   becomes   Y = X W,   W[j, b] = d / |G| sum_k w[k] rho(k)[b, j],
//   y[g] = sum over irreps, a and b of rho(g)[e_a, b] Y[a, b]:
// d^3 / t products an irrep, where the sum over k has |G|^2 in all (Serre, Linear Representations of Finite
// Groups, 6.2).
#pragma once

#include <memory>

#include "groups/irreps.hpp"

namespace orbitgrad::groups {

struct FourierBlock {
  std::int64_t degree = 0;                        ///< d
  IrrepType type = IrrepType::real;               ///< t
  std::vector<Matrix> matrices;                   ///< [|G|]; signed permutations where some basis makes them so
  std::vector<std::vector<double>> copy_vectors;  ///< e_a, [d / t][d]

  [[nodiscard]] std::int64_t copies() const { return degree / static_cast<int>(type); }
};

struct FourierBlocks {
  std::int64_t order = 0;            ///< |G|
  std::vector<FourierBlock> blocks;  ///< in the order of irreps<double>(group)

  /// sum d^3 / t, the products of one convolution on the group.
  [[nodiscard]] std::int64_t products() const;
  /// [|G|, |G|] row-major: row (block, a, j), column h has <e_a, rho(h) f_j>.
  [[nodiscard]] std::vector<double> function_table() const;
  /// [sum d^2, |G|] row-major: row (block, b, j), column k has d / |G| rho(k)[b, j].
  [[nodiscard]] std::vector<double> filter_table() const;
};

/// Error: order above max_irrep_order.
[[nodiscard]] FourierBlocks fourier_blocks(const FiniteGroup& group);

}  // namespace orbitgrad::groups
