// Linear representations of a finite group: real d x d matrices rho(s) with rho(a) rho(b) = rho(a b), rho(e) = 1.
// The character is chi(s) = trace rho(s) (Serre, Linear Representations of Finite Groups, chapter 2).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "groups/action.hpp"
#include "groups/finite_group.hpp"
#include "groups/lattice_group.hpp"

namespace orbitgrad::groups {

/// An immutable, checked representation on vectors of length `dimension`.
class VectorAction {
 public:
  /// Most matrix entries, |G| d^2: 256 MiB of doubles.
  static constexpr std::int64_t max_entries = std::int64_t{1} << 25;

  /// `matrices` is [S, d, d] row-major. Error that names the elements and the size of the deviation if rho(e) is not
  /// the unit matrix or rho(a) rho(b) differs from rho(ab) by more than `tolerance` in an entry.
  VectorAction(const FiniteGroup& group, std::int64_t dimension, std::vector<double> matrices,
               double tolerance = 1e-10);

  [[nodiscard]] const FiniteGroup& group() const { return group_; }
  /// d.
  [[nodiscard]] std::int64_t dimension() const { return dimension_; }
  /// [S, d, d] row-major.
  [[nodiscard]] std::span<const double> matrices() const { return matrices_; }
  /// [d, d] row-major. Error if s is out of range.
  [[nodiscard]] std::span<const double> matrix(int s) const;
  /// rho(s) v for v of length d.
  [[nodiscard]] std::vector<double> apply(int s, std::span<const double> vector) const;
  /// trace rho(s).
  [[nodiscard]] double character(int s) const;

 private:
  struct Checked {};
  VectorAction(Checked, const FiniteGroup& group, std::int64_t dimension, std::vector<double> matrices);
  friend VectorAction signed_permutation_action(const Action& action, std::span<const int> signs);

  FiniteGroup group_;
  std::int64_t dimension_ = 0;
  std::vector<double> matrices_;
};

/// rho(s) e_i = e_{s i}: the permutation matrices of an action.
[[nodiscard]] VectorAction permutation_action(const Action& action);

/// rho(s) e_i = signs[s n + i] e_{s i} for signs [S, n] of +1 and -1. Error that names elements and point if the signs
/// break the homomorphism: sign(a, b i) sign(b, i) = sign(ab, i).
[[nodiscard]] VectorAction signed_permutation_action(const Action& action, std::span<const int> signs);

/// A lattice group on vectors (row, col): rho(s) = h_s.
[[nodiscard]] VectorAction lattice_vector_action(const LatticeGroup& lattice);

/// Block diagonal, first then second. Error if the groups have different tables.
[[nodiscard]] VectorAction direct_sum(const VectorAction& first, const VectorAction& second);

}  // namespace orbitgrad::groups
