// A finite group G given by its Cayley table: table[a * |G| + b] = a b. Elements are the indices 0 .. |G|-1.
// Every axiom is checked once, on construction; afterwards a FiniteGroup is known to be a group.
// Associativity is checked by Light's test (Clifford and Preston, The Algebraic Theory of Semigroups I, section 1.2).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace orbitgrad::groups {

/// An immutable group. Copies share one table, so passing it by value costs a reference count.
class FiniteGroup {
 public:
  /// Largest order accepted: that of S_7, whose table takes 97 MiB.
  static constexpr std::int64_t max_order = 5040;

  /// `cayley_table` is [order, order] row-major; `element_names` has one distinct name per element, or is empty.
  /// Errors name the offending elements: entry out of range, a row or column that repeats an element, no identity,
  /// left and right inverse that differ, a triple that is not associative.
  FiniteGroup(std::string name, std::int64_t order, std::vector<int> cayley_table,
              std::vector<std::string> element_names = {});

  // Copy only: a move would leave a group without a table behind.
  FiniteGroup(const FiniteGroup&) = default;
  FiniteGroup& operator=(const FiniteGroup&) = default;
  ~FiniteGroup() = default;

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] int order() const;
  /// Index of the neutral element; 0 in every group this project builds itself.
  [[nodiscard]] int identity() const;
  /// a b. Error if an index is outside [0, order).
  [[nodiscard]] int product(int a, int b) const;
  [[nodiscard]] int inverse(int a) const;
  /// a to the power of any integer, negative ones included.
  [[nodiscard]] int power(int a, std::int64_t exponent) const;
  /// a x a^-1.
  [[nodiscard]] int conjugate(int a, int x) const;
  /// The given name, or the index in decimal.
  [[nodiscard]] std::string element_name(int a) const;

  /// [order, order] row-major, valid as long as any copy of this group lives.
  [[nodiscard]] std::span<const int> cayley_table() const;
  /// [order].
  [[nodiscard]] std::span<const int> inverse_table() const;
  /// At most log2(order) elements that generate the group: each is the first one outside the span of those before it.
  [[nodiscard]] std::span<const int> generators() const;

  [[nodiscard]] bool is_abelian() const;
  /// Smallest k >= 1 with a^k = e.
  [[nodiscard]] int element_order(int a) const;
  /// Sorted within a class; classes sorted by their first element.
  [[nodiscard]] std::vector<std::vector<int>> conjugacy_classes() const;
  /// Sorted elements of the smallest subgroup that holds all of `elements` ({identity} for none).
  [[nodiscard]] std::vector<int> generated_subgroup(std::span<const int> elements) const;

  /// True if both have the same table, element by element (a finer notion than isomorphism).
  [[nodiscard]] bool has_same_table(const FiniteGroup& other) const;

  /// Error "[op] ..." unless 1 <= order <= max_order. Builders call it before they allocate a table.
  static void require_order(std::string_view op, std::int64_t order);
  /// Error "[op] ..." unless 0 <= a < order().
  void require_element(std::string_view op, int a) const;

 private:
  struct Data;
  std::shared_ptr<const Data> data_;
};

}  // namespace orbitgrad::groups
