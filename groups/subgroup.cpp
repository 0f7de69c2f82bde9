#include "groups/subgroup.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "groups/error.hpp"

namespace orbitgrad::groups {
namespace {

constexpr std::string_view op = "subgroup";

std::vector<int> checked_elements(const FiniteGroup& parent, std::vector<int> elements) {
  require(!elements.empty(), op, "the empty set is no subgroup of {}. It must hold at least the identity.",
          parent.name());
  for (const int a : elements) parent.require_element(op, a);
  std::sort(elements.begin(), elements.end());
  const auto repeated = std::adjacent_find(elements.begin(), elements.end());
  if (repeated != elements.end()) {
    fail(op, "element {} of {} is listed twice. List each once.", parent.element_name(*repeated), parent.name());
  }
  return elements;
}

/// The table restricted to the elements. A finite set closed under products holds the identity and inverses as powers.
FiniteGroup restricted_group(const FiniteGroup& parent, const std::vector<int>& elements) {
  std::vector<int> position(static_cast<std::size_t>(parent.order()), -1);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    position[static_cast<std::size_t>(elements[i])] = static_cast<int>(i);
  }
  std::vector<int> table;
  table.reserve(elements.size() * elements.size());
  std::vector<std::string> names;
  for (const int a : elements) {
    for (const int b : elements) {
      const int c = parent.product(a, b);
      if (position[static_cast<std::size_t>(c)] < 0) {
        fail(op,
             "the {} elements are no subgroup of {}: {} times {} is {}, which is not among them. Use generated(...).",
             elements.size(), parent.name(), parent.element_name(a), parent.element_name(b), parent.element_name(c));
      }
      table.push_back(position[static_cast<std::size_t>(c)]);
    }
    names.push_back(parent.element_name(a));
  }
  return {fmt::format("subgroup of order {} of {}", elements.size(), parent.name()),
          static_cast<std::int64_t>(elements.size()), std::move(table), std::move(names)};
}

/// A pair (g, h) with h in H and g h g^-1 outside it.
std::optional<std::array<int, 2>> find_normality_violation(const Subgroup& subgroup) {
  for (const int g : subgroup.parent().generators()) {
    for (const int h : subgroup.embedding()) {
      if (!subgroup.contains(subgroup.parent().conjugate(g, h))) return {{g, h}};
    }
  }
  return std::nullopt;
}

template <class Product>
Cosets partition(const Subgroup& subgroup, Product product) {
  Cosets cosets;
  cosets.coset_of.assign(static_cast<std::size_t>(subgroup.parent().order()), -1);
  for (int g = 0; g < subgroup.parent().order(); ++g) {
    if (cosets.coset_of[static_cast<std::size_t>(g)] >= 0) continue;
    for (const int h : subgroup.embedding()) {
      cosets.coset_of[static_cast<std::size_t>(product(g, h))] = static_cast<int>(cosets.representatives.size());
    }
    cosets.representatives.push_back(g);
  }
  return cosets;
}

}  // namespace

Subgroup::Subgroup(const FiniteGroup& parent, std::vector<int> elements)
    : parent_(parent),
      embedding_(checked_elements(parent, std::move(elements))),
      group_(restricted_group(parent, embedding_)) {}

Subgroup Subgroup::generated(const FiniteGroup& parent, std::span<const int> generators) {
  return {parent, parent.generated_subgroup(generators)};
}

Subgroup Subgroup::trivial(const FiniteGroup& parent) { return {parent, {parent.identity()}}; }

bool Subgroup::contains(int g) const {
  parent_.require_element(op, g);
  return std::binary_search(embedding_.begin(), embedding_.end(), g);
}

Cosets Subgroup::left_cosets() const {
  return partition(*this, [&](int g, int h) { return parent_.product(g, h); });
}

Cosets Subgroup::right_cosets() const {
  return partition(*this, [&](int g, int h) { return parent_.product(h, g); });
}

bool Subgroup::is_normal() const { return !find_normality_violation(*this).has_value(); }

Quotient Subgroup::quotient() const {
  if (const auto violation = find_normality_violation(*this)) {
    const auto [g, h] = *violation;
    fail("quotient", "{} is not normal: g h g^-1 = {} leaves it for g = {}, h = {}. Only a normal subgroup has one.",
         group_.name(), parent_.element_name(parent_.conjugate(g, h)), parent_.element_name(g),
         parent_.element_name(h));
  }
  Cosets cosets = left_cosets();
  std::vector<int> table;
  std::vector<std::string> names;
  for (const int a : cosets.representatives) {
    for (const int b : cosets.representatives) {
      table.push_back(cosets.coset_of[static_cast<std::size_t>(parent_.product(a, b))]);
    }
    names.push_back(fmt::format("[{}]", parent_.element_name(a)));
  }
  FiniteGroup group(fmt::format("{} / {}", parent_.name(), group_.name()), index(), std::move(table), std::move(names));
  return {std::move(group), std::move(cosets.coset_of)};
}

}  // namespace orbitgrad::groups
