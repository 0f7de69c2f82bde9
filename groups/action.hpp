// Actions of a finite group on the points {0 .. n-1}: s moves point i to destination(s, i), with
// destination(a, destination(b, i)) = destination(a b, i). On functions: [L_h f](p) = f(h^-1 p), so that L_a L_b =
// L_ab.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "groups/finite_group.hpp"
#include "groups/lattice_group.hpp"
#include "groups/permutation.hpp"
#include "groups/subgroup.hpp"

namespace orbitgrad::groups {

/// An immutable, checked action. Copies share one table, so passing it by value costs a reference count.
class Action {
 public:
  /// Most table entries, |G| n: 256 MiB of int32.
  static constexpr std::int64_t max_entries = std::int64_t{1} << 26;

  /// `destination` is [S, n] row-major: destination[s n + i] is where s sends point i. Error that names element and
  /// points if a row is no permutation, the identity moves a point, or L_a L_b differs from L_ab.
  Action(const FiniteGroup& group, std::int64_t points, std::vector<std::int32_t> destination);

  // Copy only: a move would leave an action without a table behind.
  Action(const Action&) = default;
  Action& operator=(const Action&) = default;
  ~Action() = default;

  [[nodiscard]] const FiniteGroup& group() const { return group_; }
  /// n.
  [[nodiscard]] std::int64_t points() const { return points_; }
  /// Where s sends point i. Error if either is out of range.
  [[nodiscard]] int destination(int s, std::int64_t i) const;
  /// [S, n] row-major, valid as long as any copy of this action lives.
  [[nodiscard]] std::span<const std::int32_t> destination_table() const { return *destination_; }
  /// [S, n] gather indices: [L_s f](i) = f(source[s n + i]), that is source of s = destination of s^-1.
  [[nodiscard]] std::vector<std::int32_t> source_table() const;
  /// Number of points that s leaves where they are.
  [[nodiscard]] std::int64_t fixed_point_count(int s) const;

 private:
  FiniteGroup group_;
  std::int64_t points_ = 0;
  std::shared_ptr<const std::vector<std::int32_t>> destination_;
};

/// Every element fixes all `points` points.
[[nodiscard]] Action trivial_action(const FiniteGroup& group, std::int64_t points);

/// The group on itself by left products: t -> s t. n = |G|.
[[nodiscard]] Action left_regular_action(const FiniteGroup& group);

/// The group on the left cosets of H: gH -> s g H, numbered as in Subgroup::left_cosets. n = [G : H].
[[nodiscard]] Action coset_action(const Subgroup& subgroup);

/// A permutation group on the points it permutes: i -> elements[s](i). n = degree.
[[nodiscard]] Action natural_action(const PermutationGroup& permutations);

/// Pixels of an [H, W] grid, point = row W + col, turned about the centre ((H-1)/2, (W-1)/2), exactly.
/// Error if the group moves pixels off the grid: quarter turns need H = W.
[[nodiscard]] Action grid_action(const LatticeGroup& lattice, std::int64_t height, std::int64_t width);

/// Regular feature maps [S, H, W]: (t, p) -> (s t, s p), point = (t H + row) W + col. Hence
/// [L_h f](t, p) = f(h^-1 t, h^-1 p). Errors as grid_action.
[[nodiscard]] Action regular_feature_action(const LatticeGroup& lattice, std::int64_t height, std::int64_t width);

/// Pairs of points, (i, j) -> (s i, s j), point = i n_second + j. Error if the groups have different tables.
[[nodiscard]] Action product_action(const Action& first, const Action& second);

/// The points of the first action, then those of the second. Error if the groups have different tables.
[[nodiscard]] Action disjoint_union(const Action& first, const Action& second);

}  // namespace orbitgrad::groups
