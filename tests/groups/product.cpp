#include "groups/product.hpp"

#include "groups/homomorphism.hpp"
#include "groups/subgroup.hpp"
#include "tests/groups/group_zoo.hpp"

namespace orbitgrad::groups {
namespace {

/// C_2 acts on C_n by inversion.
std::vector<int> inversion(int n) {
  std::vector<int> automorphisms;
  for (int a = 0; a < n; ++a) automorphisms.push_back(a);
  for (int a = 0; a < n; ++a) automorphisms.push_back((n - a) % n);
  return automorphisms;
}

TEST(Product, CyclicByInversionIsDihedral) {
  for (int n = 1; n <= 9; ++n) {
    const FiniteGroup semidirect = semidirect_product(cyclic(n), cyclic(2), inversion(n));
    const auto isomorphism = find_isomorphism(semidirect, dihedral(n));
    ASSERT_TRUE(isomorphism.has_value()) << n;
    for (int a = 0; a < semidirect.order(); ++a) {
      for (int b = 0; b < semidirect.order(); ++b) {
        EXPECT_EQ((*isomorphism)[static_cast<std::size_t>(semidirect.product(a, b))],
                  dihedral(n).product((*isomorphism)[static_cast<std::size_t>(a)],
                                      (*isomorphism)[static_cast<std::size_t>(b)]));
      }
    }
  }
}

TEST(Product, FirstFactorOfASemidirectProductIsNormal) {
  const FiniteGroup group = semidirect_product(cyclic(7), cyclic(3), [] {
    std::vector<int> automorphisms;  // multiplication by 1, 2, 4 modulo 7
    for (const int factor : {1, 2, 4}) {
      for (int a = 0; a < 7; ++a) automorphisms.push_back(factor * a % 7);
    }
    return automorphisms;
  }());
  EXPECT_EQ(group.order(), 21);
  EXPECT_FALSE(group.is_abelian());
  EXPECT_EQ(group.conjugacy_classes().size(), 5U);
  EXPECT_TRUE(Subgroup(group, {0, 3, 6, 9, 12, 15, 18}).is_normal());
  EXPECT_FALSE(Subgroup(group, {0, 1, 2}).is_normal());
}

TEST(Product, DirectProductIsComponentwise) {
  const FiniteGroup first = quaternion_group(), second = dihedral(3);
  const FiniteGroup product = direct_product(first, second);
  for (int x = 0; x < product.order(); ++x) {
    for (int y = 0; y < product.order(); ++y) {
      EXPECT_EQ(product.product(x, y), first.product(x / 6, y / 6) * 6 + second.product(x % 6, y % 6));
    }
  }
  EXPECT_EQ(product.conjugacy_classes().size(), 5U * 3U);
}

TEST(Product, ChineseRemainderTheorem) {
  EXPECT_TRUE(find_isomorphism(direct_product(cyclic(3), cyclic(4)), cyclic(12)).has_value());
  EXPECT_FALSE(find_isomorphism(direct_product(cyclic(2), cyclic(6)), cyclic(12)).has_value());
}

TEST(Product, IsomorphismTellsGroupsOfOneOrderApart) {
  const std::vector<FiniteGroup> order_eight = {cyclic(8), direct_product(cyclic(2), cyclic(4)),
                                                direct_product(cyclic(2), direct_product(cyclic(2), cyclic(2))),
                                                dihedral(4), quaternion_group()};
  for (std::size_t i = 0; i < order_eight.size(); ++i) {
    for (std::size_t j = 0; j < order_eight.size(); ++j) {
      EXPECT_EQ(find_isomorphism(order_eight[i], order_eight[j]).has_value(), i == j) << i << " " << j;
    }
  }
  // Same number of elements of each order, yet one is abelian: C4 x C4 against C4 x| C4 by inversion.
  std::vector<int> automorphisms;
  for (int h = 0; h < 4; ++h) {
    for (int n = 0; n < 4; ++n) automorphisms.push_back(h % 2 == 0 ? n : (4 - n) % 4);
  }
  const FiniteGroup twisted = semidirect_product(cyclic(4), cyclic(4), automorphisms);
  EXPECT_FALSE(find_isomorphism(twisted, direct_product(cyclic(4), cyclic(4))).has_value());
  EXPECT_FALSE(find_isomorphism(direct_product(cyclic(4), cyclic(4)), twisted).has_value());
}

TEST(Product, EveryGroupIsIsomorphicToItselfByAnAutomorphism) {
  auto zoo = group_zoo();
  zoo.push_back(direct_product(cyclic(4), cyclic(4)));
  for (const auto& group : zoo) {
    const auto isomorphism = find_isomorphism(group, group);
    ASSERT_TRUE(isomorphism.has_value()) << group.name();
    EXPECT_TRUE(is_automorphism(group, *isomorphism)) << group.name();
  }
}

TEST(Product, SemidirectChecksTheAction) {
  expect_error(
      [] {
        static_cast<void>(semidirect_product(cyclic(3), cyclic(2), std::vector<int>{0, 1, 2}));
      },
      "semidirect_product", {"[2, 3]", "got 3"});
  expect_error(
      [] {
        static_cast<void>(semidirect_product(cyclic(3), cyclic(2), std::vector<int>{0, 1, 2, 1, 2, 0}));
      },
      "semidirect_product", {"r1", "no automorphism"});
  expect_error(
      [] {
        static_cast<void>(semidirect_product(cyclic(3), cyclic(2), std::vector<int>{0, 1, 2, 0, 0, 0}));
      },
      "semidirect_product", {"no automorphism"});
  // C_3 cannot act by inversion, which has order 2
  expect_error(
      [] {
        static_cast<void>(semidirect_product(cyclic(3), cyclic(3), std::vector<int>{0, 1, 2, 0, 2, 1, 0, 1, 2}));
      },
      "semidirect_product", {"no homomorphism", "a = r1"});
  expect_error(
      [] {
        static_cast<void>(semidirect_product(cyclic(2), cyclic(1), std::vector<int>{0, 2}));
      },
      "semidirect_product", {"element 2"});
}

TEST(Homomorphism, ExtensionFromGenerators) {
  const FiniteGroup group = dihedral(4);
  const std::vector<int> generators = {1, 4};
  // to the sign of the mirror
  const auto mirror = extend_homomorphism(group, generators, cyclic(2), std::vector<int>{0, 1});
  ASSERT_TRUE(mirror.has_value());
  EXPECT_EQ(*mirror, (std::vector<int>{0, 0, 0, 0, 1, 1, 1, 1}));
  // an element of order 4 cannot go to one of order 3
  EXPECT_FALSE(extend_homomorphism(group, generators, cyclic(3), std::vector<int>{1, 0}).has_value());
  const auto partial = extend_homomorphism(group, std::vector<int>{2}, cyclic(2), std::vector<int>{1});
  ASSERT_TRUE(partial.has_value());
  EXPECT_EQ(*partial, (std::vector<int>{0, -1, 1, -1, -1, -1, -1, -1}));
  expect_error([&] { static_cast<void>(extend_homomorphism(group, generators, cyclic(2), std::vector<int>{0})); },
               "extend_homomorphism", {"2 generators but 1 images"});
}

TEST(Homomorphism, InnerAutomorphismsAreAutomorphisms) {
  for (const auto& group : group_zoo()) {
    for (int a = 0; a < group.order(); ++a) {
      std::vector<int> conjugation;
      for (int x = 0; x < group.order(); ++x) conjugation.push_back(group.conjugate(a, x));
      EXPECT_TRUE(is_automorphism(group, conjugation)) << group.name();
    }
    // inversion is one exactly for abelian groups
    EXPECT_EQ(is_automorphism(group, group.inverse_table()), group.is_abelian()) << group.name();
  }
}

TEST(Homomorphism, Errors) {
  expect_error(
      [] {
        static_cast<void>(is_homomorphism(cyclic(3), cyclic(2), std::vector<int>{0, 1}));
      },
      "is_homomorphism", {"3 images", "got 2"});
  expect_error(
      [] {
        static_cast<void>(kernel(cyclic(3), cyclic(2), std::vector<int>{0, 1, 0}));
      },
      "kernel", {"no homomorphism"});
}

}  // namespace
}  // namespace orbitgrad::groups
