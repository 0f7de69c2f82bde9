#include "groups/symmetric.hpp"

#include <numeric>
#include <utility>

#include "groups/error.hpp"

namespace orbitgrad::groups {
namespace {

constexpr int max_points = 7;

void require_points(std::string_view op, int n) {
  require(n >= 1 && n <= max_points, op, "n must be 1 to {}, got {}. Larger groups do not fit in a table.", max_points,
          n);
}

}  // namespace

PermutationGroup symmetric(int n) {
  require_points("symmetric", n);
  std::vector<Permutation> generators;
  if (n >= 2) {
    std::vector<int> all(static_cast<std::size_t>(n));
    std::iota(all.begin(), all.end(), 0);
    generators = {Permutation::from_cycles(n, {{0, 1}}), Permutation::from_cycles(n, {std::move(all)})};
  }
  return generate_permutation_group(fmt::format("S{}", n), n, generators);
}

PermutationGroup alternating(int n) {
  require_points("alternating", n);
  std::vector<Permutation> generators;
  for (int i = 2; i < n; ++i) generators.push_back(Permutation::from_cycles(n, {{0, 1, i}}));
  return generate_permutation_group(fmt::format("A{}", n), n, generators);
}

}  // namespace orbitgrad::groups
