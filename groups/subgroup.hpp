// Subgroups H of a finite group G, their left cosets g H and right cosets H g, and quotients G / N.
// Lagrange: |G| = |H| [G : H].
#pragma once

#include <span>
#include <vector>

#include "groups/finite_group.hpp"

namespace orbitgrad::groups {

/// A partition of G into cosets, each represented by its smallest element, in the order of the representatives.
struct Cosets {
  std::vector<int> representatives;  // [index]
  std::vector<int> coset_of;         // [|G|]: number of the coset an element lies in
};

/// G / N: `projection[g]` ([|G|]) is the element of `group` that the coset g N is.
struct Quotient {
  FiniteGroup group;
  std::vector<int> projection;
};

class Subgroup {
 public:
  /// `elements` in any order. Error that names the elements if the set is empty, repeats one or is not closed.
  Subgroup(const FiniteGroup& parent, std::vector<int> elements);
  /// The smallest subgroup that holds the generators.
  static Subgroup generated(const FiniteGroup& parent, std::span<const int> generators);
  static Subgroup trivial(const FiniteGroup& parent);

  [[nodiscard]] const FiniteGroup& parent() const { return parent_; }
  /// The subgroup as a group of its own; its element i is embedding()[i] of the parent.
  [[nodiscard]] const FiniteGroup& group() const { return group_; }
  /// [order], ascending.
  [[nodiscard]] std::span<const int> embedding() const { return embedding_; }
  [[nodiscard]] int order() const { return group_.order(); }
  /// Number of cosets, |G| / |H|.
  [[nodiscard]] int index() const { return parent_.order() / order(); }
  [[nodiscard]] bool contains(int g) const;

  /// g H.
  [[nodiscard]] Cosets left_cosets() const;
  /// H g.
  [[nodiscard]] Cosets right_cosets() const;
  /// g H g^-1 = H for all g.
  [[nodiscard]] bool is_normal() const;
  /// Error that names g and h with g h g^-1 outside H if the subgroup is not normal.
  [[nodiscard]] Quotient quotient() const;

 private:
  FiniteGroup parent_;
  std::vector<int> embedding_;
  FiniteGroup group_;
};

}  // namespace orbitgrad::groups
