#include "groups/permutation.hpp"

#include <algorithm>
#include <numeric>
#include <random>

#include "groups/homomorphism.hpp"
#include "tests/groups/group_zoo.hpp"

namespace orbitgrad::groups {
namespace {

Permutation random_permutation(int degree, std::mt19937& random) {
  std::vector<int> images(static_cast<std::size_t>(degree));
  std::iota(images.begin(), images.end(), 0);
  std::shuffle(images.begin(), images.end(), random);
  return Permutation(images);
}

TEST(Permutation, LawsHoldForRandomOnes) {
  std::mt19937 random(11);  // NOLINT: a fixed seed repeats a failure
  for (int repeat = 0; repeat < 200; ++repeat) {
    const int degree = static_cast<int>(random() % 9);
    const auto a = random_permutation(degree, random), b = random_permutation(degree, random);
    const auto identity = Permutation::identity(degree);
    for (int i = 0; i < degree; ++i) EXPECT_EQ((a * b)(i), a(b(i)));
    EXPECT_EQ(a * a.inverse(), identity);
    EXPECT_EQ((a * b).inverse(), b.inverse() * a.inverse());
    EXPECT_EQ((a * b).parity(), (a.parity() + b.parity()) % 2);
    EXPECT_EQ(Permutation::from_cycles(degree, a.cycles()), a);
    auto power = a;
    for (std::int64_t k = 1; k < a.order(); ++k, power = power * a) EXPECT_NE(power, identity);
    EXPECT_EQ(power, identity);
    int inversions = 0;
    for (int i = 0; i < degree; ++i) {
      for (int j = 0; j < i; ++j) inversions += a(j) > a(i) ? 1 : 0;
    }
    EXPECT_EQ(a.sign(), inversions % 2 == 0 ? 1 : -1);
  }
}

TEST(Permutation, CyclesOrderAndText) {
  const Permutation p({1, 2, 0, 4, 3, 5});
  EXPECT_EQ(p.cycles(), (std::vector<std::vector<int>>{{0, 1, 2}, {3, 4}}));
  EXPECT_EQ(p.to_string(), "(0 1 2)(3 4)");
  EXPECT_EQ(p.order(), 6);
  EXPECT_EQ(p.parity(), 1);
  EXPECT_EQ(Permutation::identity(4).to_string(), "()");
  EXPECT_EQ(Permutation::identity(0).order(), 1);
}

TEST(Permutation, Errors) {
  expect_error([] { Permutation({0, 3}); }, "permutation", {"1 goes to 3", "[0, 2)"});
  expect_error([] { Permutation({1, 0, 1}); }, "permutation", {"0 and 2 both go to 1"});
  expect_error(
      [] {
        static_cast<void>(Permutation::from_cycles(3, {{0, 1}, {1, 2}}));
      },
      "permutation", {"point 1 occurs twice"});
  expect_error([] { static_cast<void>(Permutation::from_cycles(3, {{0, 3}})); }, "permutation", {"point 3"});
  expect_error([] { static_cast<void>(Permutation::identity(2) * Permutation::identity(3)); }, "permutation",
               {"degree 2 and 3"});
  expect_error([] { static_cast<void>(Permutation::identity(2)(2)); }, "permutation", {"point 2"});
}

TEST(PermutationGroup, TableIsCompositionAndOrderIsLexicographic) {
  for (const auto& permutations : {symmetric(4), alternating(5), symmetric(1), alternating(1)}) {
    SCOPED_TRACE(permutations.group.name());
    EXPECT_TRUE(std::is_sorted(permutations.elements.begin(), permutations.elements.end()));
    EXPECT_EQ(permutations.group.identity(), 0);
    for (int a = 0; a < permutations.group.order(); ++a) {
      const auto& first = permutations.elements[static_cast<std::size_t>(a)];
      EXPECT_EQ(permutations.group.element_order(a), first.order());
      for (int b = 0; b < permutations.group.order(); ++b) {
        ASSERT_EQ(permutations.elements[static_cast<std::size_t>(permutations.group.product(a, b))],
                  first * permutations.elements[static_cast<std::size_t>(b)]);
      }
    }
  }
}

TEST(PermutationGroup, SymmetricOrdersAndClassCounts) {
  const std::vector<int> orders = {1, 2, 6, 24, 120, 720};
  const std::vector<std::size_t> partitions = {1, 2, 3, 5, 7, 11};
  for (int n = 1; n <= 6; ++n) {
    const auto permutations = symmetric(n);
    EXPECT_EQ(permutations.group.order(), orders[static_cast<std::size_t>(n - 1)]);
    EXPECT_EQ(permutations.group.conjugacy_classes().size(), partitions[static_cast<std::size_t>(n - 1)]);
    const int even = static_cast<int>(std::count_if(permutations.elements.begin(), permutations.elements.end(),
                                                    [](const Permutation& p) { return p.parity() == 0; }));
    EXPECT_EQ(alternating(n).group.order(), even);
  }
  EXPECT_EQ(alternating(5).group.conjugacy_classes().size(), 5U);
}

TEST(PermutationGroup, LargestSymmetricGroupFitsInTheTable) {
  const auto permutations = symmetric(7);
  EXPECT_EQ(permutations.group.order(), FiniteGroup::max_order);
  EXPECT_EQ(permutations.group.conjugacy_classes().size(), 15U);
}

TEST(PermutationGroup, SignIsAHomomorphism) {
  const auto permutations = symmetric(5);
  std::vector<int> parity;
  for (const auto& p : permutations.elements) parity.push_back(p.parity());
  EXPECT_TRUE(is_homomorphism(permutations.group, cyclic(2), parity));
  EXPECT_EQ(kernel(permutations.group, cyclic(2), parity).size(), 60U);
}

TEST(PermutationGroup, GeneratedGroups) {
  const auto square = generate_permutation_group(
      "square", 4, {Permutation::from_cycles(4, {{0, 1, 2, 3}}), Permutation::from_cycles(4, {{0, 1}, {2, 3}})});
  EXPECT_TRUE(find_isomorphism(square.group, dihedral(4)).has_value());
  EXPECT_EQ(generate_permutation_group("none", 3, {}).group.order(), 1);
  // Fano plane: the simple group of order 168
  const auto fano = generate_permutation_group(
      "Fano", 7, {Permutation::from_cycles(7, {{0, 1, 2, 3, 4, 5, 6}}), Permutation::from_cycles(7, {{1, 2}, {3, 6}})});
  EXPECT_EQ(fano.group.order(), 168);
  EXPECT_EQ(fano.group.conjugacy_classes().size(), 6U);
}

TEST(PermutationGroup, IndexAndErrors) {
  const auto even = alternating(4);
  for (int s = 0; s < even.group.order(); ++s) EXPECT_EQ(even.index_of(even.elements[static_cast<std::size_t>(s)]), s);
  expect_error(
      [&] {
        static_cast<void>(even.index_of(Permutation::from_cycles(4, {{0, 1}})));
      },
      "permutation_group", {"(0 1)", "A4"});
  expect_error(
      [] {
        static_cast<void>(generate_permutation_group(
            "S8", 8, {Permutation::from_cycles(8, {{0, 1}}), Permutation::from_cycles(8, {{0, 1, 2, 3, 4, 5, 6, 7}})}));
      },
      "generate_permutation_group", {"more than 5040"});
  expect_error([] { static_cast<void>(generate_permutation_group("mixed", 3, {Permutation::identity(2)})); },
               "generate_permutation_group", {"degree 2", "degree 3"});
}

}  // namespace
}  // namespace orbitgrad::groups
