#include "groups/irreps.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "groups/cyclic.hpp"
#include "groups/dihedral.hpp"
#include "groups/enumeration.hpp"
#include "groups/group_catalogue.hpp"
#include "tests/groups/group_zoo.hpp"

namespace orbitgrad::groups {
namespace {

template <class T>
void check_irreps(const FiniteGroup& group) {
  const auto list = irreps<T>(group);
  double dimensions = 0;
  for (const auto& irrep : list) {
    const double degree = static_cast<double>(irrep.degree);
    dimensions += degree * degree / (std::is_same_v<T, double> ? static_cast<int>(irrep.type) : 1);
    double worst = 0;
    for (const int a : group.generators())
      for (int b = 0; b < group.order(); ++b) {
        const auto& left = irrep.matrices[static_cast<std::size_t>(a)];
        const auto& right = irrep.matrices[static_cast<std::size_t>(b)];
        worst = std::max(worst,
                         largest_entry(left * right - irrep.matrices[static_cast<std::size_t>(group.product(a, b))]));
      }
    EXPECT_LT(worst, 1e-10) << group.name();
    for (const auto& other : list) {
      const double expected = &other != &irrep ? 0 : (std::is_same_v<T, double> ? static_cast<int>(irrep.type) : 1);
      EXPECT_NEAR(std::abs(character_inner_product(irrep.character, other.character)), expected, 1e-10) << group.name();
    }
  }
  EXPECT_NEAR(dimensions, group.order(), 1e-9) << group.name();
  if constexpr (!std::is_same_v<T, double>) {
    EXPECT_EQ(list.size(), group.conjugacy_classes().size()) << group.name();
  }
}

TEST(Irreps, ZooOfGroups) {
  for (const FiniteGroup& group : group_zoo()) {
    check_irreps<double>(group);
    check_irreps<Complex>(group);
  }
}

TEST(Irreps, TypesOfKnownGroups) {
  const auto describe = [](const FiniteGroup& group) {
    std::vector<std::pair<std::int64_t, int>> result;
    for (const Irrep& irrep : irreps<double>(group)) result.emplace_back(irrep.degree, static_cast<int>(irrep.type));
    std::ranges::sort(result);
    return result;
  };
  using List = std::vector<std::pair<std::int64_t, int>>;
  EXPECT_EQ(describe(cyclic(5)), (List{{1, 1}, {2, 2}, {2, 2}}));
  EXPECT_EQ(describe(cyclic(6)), (List{{1, 1}, {1, 1}, {2, 2}, {2, 2}}));
  EXPECT_EQ(describe(quaternion_group()), (List{{1, 1}, {1, 1}, {1, 1}, {1, 1}, {4, 4}}));
  EXPECT_EQ(describe(dihedral(5)), (List{{1, 1}, {1, 1}, {2, 1}, {2, 1}}));
  EXPECT_EQ(describe(Enumeration(parse_group("I")).group()), (List{{1, 1}, {3, 1}, {3, 1}, {4, 1}, {5, 1}}));
  EXPECT_EQ(describe(Enumeration(parse_group("T")).group()), (List{{1, 1}, {2, 2}, {3, 1}}));
  EXPECT_EQ(describe(Enumeration(parse_group("Oh")).group()).size(), 10U);
}

TEST(Irreps, OrderTwoHundred) {
  check_irreps<double>(dihedral(100));
  check_irreps<double>(direct_product(quaternion_group(), cyclic(25)));
}

TEST(Irreps, MultiplicitiesOfTheRegularRepresentation) {
  const FiniteGroup group = Enumeration(parse_group("Td")).group();
  const auto list = irreps<double>(group);
  std::vector<double> regular(24, 0.0);
  regular[static_cast<std::size_t>(group.identity())] = 24;
  const auto counts = multiplicities(list, regular);
  for (std::size_t i = 0; i < list.size(); ++i)
    EXPECT_EQ(counts[i] * static_cast<int>(list[i].type), list[i].degree) << i;
  std::vector<double> none(24, 0.0);
  none[3] = 1;
  expect_error([&] { (void)multiplicities(list, none); }, "multiplicities", {"No character"});
  expect_error([] { (void)irreps<double>(cyclic(513)); }, "irreps", {"513", "512"});
}

}  // namespace
}  // namespace orbitgrad::groups
