// Permutations of {0 .. n-1} as lists of images, and the finite groups they generate.
// Products act from the left: (a b)(i) = a(b(i)).
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "groups/finite_group.hpp"

namespace orbitgrad::groups {

class Permutation {
 public:
  /// images[i] is where i goes. Error if an image is out of range or taken twice.
  explicit Permutation(std::vector<int> images);
  static Permutation identity(int degree);
  /// Disjoint cycles, e.g. {{0, 1, 2}, {3, 4}}: 0 -> 1 -> 2 -> 0, 3 <-> 4. Error if a point is out of range or
  /// repeated.
  static Permutation from_cycles(int degree, const std::vector<std::vector<int>>& cycles);

  [[nodiscard]] int degree() const { return static_cast<int>(images_.size()); }
  [[nodiscard]] std::span<const int> images() const { return images_; }
  /// Where i goes. Error if i is outside [0, degree).
  [[nodiscard]] int operator()(int i) const;

  /// (*this)(inner(i)). Error if the degrees differ.
  [[nodiscard]] Permutation compose(const Permutation& inner) const;
  [[nodiscard]] Permutation inverse() const;
  /// Cycles of length two and more, each from its smallest point, sorted by that point.
  [[nodiscard]] std::vector<std::vector<int>> cycles() const;
  /// 0 for a product of an even number of transpositions, 1 for an odd one.
  [[nodiscard]] int parity() const;
  /// +1 if even, -1 if odd.
  [[nodiscard]] int sign() const { return parity() == 0 ? 1 : -1; }
  /// Smallest k >= 1 with p^k = identity: the least common multiple of the cycle lengths.
  [[nodiscard]] std::int64_t order() const;
  /// Cycle notation, "(0 1 2)(3 4)"; "()" for the identity.
  [[nodiscard]] std::string to_string() const;

  friend Permutation operator*(const Permutation& a, const Permutation& b) { return a.compose(b); }
  friend auto operator<=>(const Permutation&, const Permutation&) = default;

 private:
  std::vector<int> images_;
};

/// A group of permutations: element s of `group` is elements[s]. In lexicographic order of images, so the identity is
/// 0.
struct PermutationGroup {
  FiniteGroup group;
  std::vector<Permutation> elements;
  int degree = 0;

  /// Index of a permutation. Error if it is not an element.
  [[nodiscard]] int index_of(const Permutation& permutation) const;
};

/// All products of the generators. Error if a degree differs from `degree` or the order exceeds FiniteGroup::max_order.
[[nodiscard]] PermutationGroup generate_permutation_group(const std::string& name, int degree,
                                                          const std::vector<Permutation>& generators);

}  // namespace orbitgrad::groups
