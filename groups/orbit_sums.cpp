#include "groups/orbit_sums.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "groups/error.hpp"

namespace orbitgrad::groups {
namespace {

constexpr std::string_view op = "orbit_sums";

using Elements = std::vector<int>;    // sorted
using Chain = std::vector<Elements>;  // of subgroups, from the whole to {e}

bool contains(const Elements& whole, const Elements& part) {
  return std::includes(whole.begin(), whole.end(), part.begin(), part.end());
}

/// s e_f' = +-e_f'.
Elements stabilizer(const FiniteGroup& group, const IrrepFrame& frame, std::int64_t f) {
  Elements result;
  for (int s = 0; s < group.order(); ++s)
    if (frame.image[frame.at(s, f)] == f) result.push_back(s);
  return result;
}

/// The largest normal subgroup of commuting involutions in every stabilizer: butterflies on its cosets serve all sums.
Elements common_core(const FiniteGroup& group, const std::vector<IrrepFrame>& frames) {
  Elements common(static_cast<std::size_t>(group.order()));
  for (int s = 0; s < group.order(); ++s) common[static_cast<std::size_t>(s)] = s;
  for (const IrrepFrame& frame : frames)
    for (std::int64_t f = 0; f < frame.size; ++f) {
      const Elements fixed = stabilizer(group, frame, f);
      Elements both;
      std::set_intersection(common.begin(), common.end(), fixed.begin(), fixed.end(), std::back_inserter(both));
      common = both;
    }
  Elements core = {group.identity()};
  for (const auto& conjugacy_class : group.conjugacy_classes()) {
    Elements generators = core;
    generators.insert(generators.end(), conjugacy_class.begin(), conjugacy_class.end());
    const Elements larger = group.generated_subgroup(generators);
    bool fits = contains(common, larger);
    for (const int a : larger) {
      fits = fits && group.power(a, 2) == group.identity();
      for (const int b : larger) fits = fits && group.product(a, b) == group.product(b, a);
    }
    if (fits) core = larger;
  }
  return core;
}

/// From `from` down to `to`, through subgroups that two elements and `to` generate; index 3 first, since three terms
/// cost more than two and are then fewest.
std::optional<Chain> chain_between(const FiniteGroup& group, const Elements& from, const Elements& to) {
  if (from == to) return Chain{from};
  std::set<Elements> candidates;
  for (const int a : from)
    for (const int b : from) {
      Elements generators = to;
      generators.insert(generators.end(), {a, b});
      candidates.insert(group.generated_subgroup(generators));
    }
  for (const std::size_t index : {std::size_t{3}, std::size_t{2}})
    for (const Elements& subgroup : candidates) {
      if (subgroup.size() * index != from.size()) continue;
      if (auto rest = chain_between(group, subgroup, to)) {
        rest->insert(rest->begin(), from);
        return rest;
      }
    }
  return std::nullopt;
}

class Builder {
 public:
  Builder(const FiniteGroup& group, OrbitSums& result) : group_(group), result_(result) {}

  /// The sum of signs[s] x[s] over a left coset of chain[level].
  SignedValue sum(const Chain& chain, std::size_t level, const Elements& coset, const std::vector<int>& signs) {
    if (coset.size() == 1) return {coset[0], signs[static_cast<std::size_t>(coset[0])]};
    const int sign = signs[static_cast<std::size_t>(coset[0])];
    std::vector<int> pattern;
    for (const int s : coset) pattern.push_back(sign * signs[static_cast<std::size_t>(s)]);
    const auto key = std::pair(coset, pattern);
    if (const auto known = known_.find(key); known != known_.end()) return {known->second, sign};
    std::vector<SignedValue> terms;
    for (const Elements& part : cosets_in(coset, chain[level + 1])) terms.push_back(sum(chain, level + 1, part, signs));
    const std::int32_t value = add(terms, sign);
    known_.emplace(key, value);
    return {value, sign};
  }

 private:
  /// sign times the sum of the terms.
  std::int32_t add(std::vector<SignedValue> terms, int sign) {
    for (SignedValue& term : terms) term.sign *= sign;
    std::sort(terms.begin(), terms.end(), [](const auto& a, const auto& b) { return a.sign > b.sign; });
    // The first term of a coset has the sign `sign`, so that one of them is positive here.
    OrbitSumStep step{terms[0].value, terms[1].value, -1, terms[1].sign, 1};
    if (terms.size() == 3) step.c = terms[2].value, step.sign_c = terms[2].sign;
    result_.steps.push_back(step);
    return group_.order() + static_cast<std::int32_t>(result_.steps.size()) - 1;
  }

  std::vector<Elements> cosets_in(const Elements& coset, const Elements& subgroup) const {
    std::vector<Elements> parts;
    std::set<int> seen;
    for (const int s : coset) {
      if (seen.count(s) != 0) continue;
      Elements part;
      for (const int h : subgroup) part.push_back(group_.product(s, h));
      std::sort(part.begin(), part.end());
      seen.insert(part.begin(), part.end());
      parts.push_back(part);
    }
    return parts;
  }

  const FiniteGroup& group_;
  OrbitSums& result_;
  std::map<std::pair<Elements, std::vector<int>>, std::int32_t> known_;
};

Chain known_chain(const FiniteGroup& group, const Elements& from, const Elements& to) {
  auto chain = chain_between(group, from, to);
  require(chain.has_value(), op,
          "{}: no chain of subgroups of index 2 and 3 was found in a stabilizer. Use a small group whose order has no "
          "other prime factor.",
          group.name());
  return *std::move(chain);
}

}  // namespace

OrbitSums orbit_sums(const FiniteGroup& group, const std::vector<IrrepFrame>& frames) {
  OrbitSums result;
  Builder builder(group, result);
  const Elements core = common_core(group, frames);
  const Chain below = known_chain(group, core, {group.identity()});
  for (const IrrepFrame& frame : frames) {
    std::vector<SignedValue> sums(static_cast<std::size_t>(frame.size * frame.size));
    for (std::int64_t from = 0; from < frame.size; ++from) {
      Chain chain = known_chain(group, stabilizer(group, frame, from), core);
      chain.insert(chain.end(), below.begin() + 1, below.end());
      std::vector<int> signs;
      for (int s = 0; s < group.order(); ++s) signs.push_back(frame.sign[frame.at(s, from)]);
      for (std::int64_t to = 0; to < frame.size; ++to) {
        Elements coset;
        for (int s = 0; s < group.order(); ++s)
          if (frame.image[frame.at(s, from)] == to) coset.push_back(s);
        sums[static_cast<std::size_t>(to * frame.size + from)] = builder.sum(chain, 0, coset, signs);
      }
    }
    result.sums.push_back(std::move(sums));
  }
  return result;
}

}  // namespace orbitgrad::groups
