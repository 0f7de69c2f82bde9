#include "groups/subgroup.hpp"

#include <algorithm>
#include <set>

#include "groups/homomorphism.hpp"
#include "tests/groups/group_zoo.hpp"

namespace orbitgrad::groups {
namespace {

/// All subgroups with at most two generators.
std::vector<Subgroup> two_generator_subgroups(const FiniteGroup& group) {
  std::set<std::vector<int>> found;
  for (int a = 0; a < group.order(); ++a) {
    for (int b = a; b < group.order(); ++b) found.insert(group.generated_subgroup(std::vector<int>{a, b}));
  }
  std::vector<Subgroup> subgroups;
  for (const auto& elements : found) subgroups.emplace_back(group, elements);
  return subgroups;
}

void expect_partition(const Subgroup& subgroup, const Cosets& cosets) {
  ASSERT_EQ(static_cast<int>(cosets.representatives.size()), subgroup.index());
  std::vector<int> sizes(cosets.representatives.size(), 0);
  for (const int number : cosets.coset_of) ++sizes.at(static_cast<std::size_t>(number));
  for (const int size : sizes) EXPECT_EQ(size, subgroup.order());
  for (std::size_t k = 0; k < cosets.representatives.size(); ++k) {
    const int representative = cosets.representatives[k];
    EXPECT_EQ(std::find(cosets.coset_of.begin(), cosets.coset_of.end(), static_cast<int>(k)) - cosets.coset_of.begin(),
              representative);
  }
}

TEST(Subgroup, LagrangeCosetsAndNormalityForEverySubgroup) {
  for (const auto& group : group_zoo()) {
    SCOPED_TRACE(group.name());
    for (const auto& subgroup : two_generator_subgroups(group)) {
      EXPECT_EQ(subgroup.order() * subgroup.index(), group.order());
      EXPECT_TRUE(is_homomorphism(subgroup.group(), group, subgroup.embedding()));
      const Cosets left = subgroup.left_cosets(), right = subgroup.right_cosets();
      expect_partition(subgroup, left);
      expect_partition(subgroup, right);
      for (int a = 0; a < group.order(); ++a) {
        for (int b = 0; b < group.order(); ++b) {
          const auto x = static_cast<std::size_t>(a), y = static_cast<std::size_t>(b);
          EXPECT_EQ(left.coset_of[x] == left.coset_of[y], subgroup.contains(group.product(group.inverse(a), b)));
          EXPECT_EQ(right.coset_of[x] == right.coset_of[y], subgroup.contains(group.product(a, group.inverse(b))));
        }
      }
      EXPECT_EQ(subgroup.is_normal(), left.coset_of == right.coset_of);
      if (!subgroup.is_normal()) {
        expect_error([&] { static_cast<void>(subgroup.quotient()); }, "quotient", {"not normal", "g h g^-1"});
        continue;
      }
      const Quotient quotient = subgroup.quotient();
      EXPECT_EQ(quotient.group.order(), subgroup.index());
      EXPECT_TRUE(is_homomorphism(group, quotient.group, quotient.projection));
      const auto projected_to_identity = kernel(group, quotient.group, quotient.projection);
      EXPECT_TRUE(std::equal(projected_to_identity.begin(), projected_to_identity.end(), subgroup.embedding().begin(),
                             subgroup.embedding().end()));
    }
  }
}

TEST(Subgroup, NumberOfSubgroups) {
  EXPECT_EQ(two_generator_subgroups(dihedral(4)).size(), 10U);
  EXPECT_EQ(two_generator_subgroups(quaternion_group()).size(), 6U);
  EXPECT_EQ(two_generator_subgroups(symmetric(4).group).size(), 30U);
}

TEST(Subgroup, KnownQuotients) {
  // S4 / V4 = S3
  const auto four = symmetric(4);
  const std::vector<int> double_swaps = {four.index_of(Permutation::from_cycles(4, {{0, 1}, {2, 3}})),
                                         four.index_of(Permutation::from_cycles(4, {{0, 2}, {1, 3}}))};
  const auto klein = Subgroup::generated(four.group, double_swaps);
  EXPECT_EQ(klein.order(), 4);
  EXPECT_TRUE(find_isomorphism(klein.quotient().group, symmetric(3).group).has_value());
  EXPECT_TRUE(find_isomorphism(klein.group(), dihedral(2)).has_value());
  // Q8 modulo its centre is C2 x C2
  EXPECT_TRUE(find_isomorphism(Subgroup(quaternion_group(), {0, 1}).quotient().group, dihedral(2)).has_value());
}

TEST(Subgroup, Errors) {
  const FiniteGroup group = dihedral(4);
  expect_error([&] { Subgroup(group, {}); }, "subgroup", {"empty"});
  expect_error([&] { Subgroup(group, {0, 1}); }, "subgroup", {"r1 times r1 is r2"});
  expect_error([&] { Subgroup(group, {0, 0}); }, "subgroup", {"e of D4 is listed twice"});
  expect_error([&] { Subgroup(group, {0, 8}); }, "subgroup", {"element 8"});
  EXPECT_EQ(Subgroup::trivial(cyclic_with_late_identity()).embedding()[0], 2);
}

}  // namespace
}  // namespace orbitgrad::groups
