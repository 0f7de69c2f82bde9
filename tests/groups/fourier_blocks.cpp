#include "groups/fourier_blocks.hpp"

#include <gtest/gtest.h>

#include "groups/group_catalogue.hpp"
#include "tests/groups/group_zoo.hpp"

namespace orbitgrad::groups {
namespace {

/// Groups with irreps of every type, several copies of complex and quaternionic ones among them.
std::vector<FiniteGroup> some_groups() {
  std::vector<FiniteGroup> result = group_zoo();
  for (const char* name : {"C(8)", "C(16)", "D(8)", "I", "T", "Dic(3)", "Dic(5)"})
    result.push_back(parse_finite_group(name));
  result.push_back(direct_product(quaternion_group(), symmetric(3).group));
  result.push_back(direct_product(cyclic(3), alternating(4).group));
  return result;
}

TEST(FourierBlocks, TheTransformIsOrthogonalUpToTheWeightsOfItsBlocks) {
  for (const FiniteGroup& group : some_groups()) {
    const FourierBlocks fourier = fourier_blocks(group);
    const std::vector<double> table = fourier.function_table();
    const auto order = static_cast<std::size_t>(group.order());
    ASSERT_EQ(table.size(), order * order) << group.name();
    std::vector<double> weights;
    for (const FourierBlock& block : fourier.blocks)
      weights.insert(weights.end(), static_cast<std::size_t>(block.copies() * block.degree),
                     static_cast<double>(block.degree) / static_cast<double>(order));
    double worst = 0;
    for (std::size_t g = 0; g < order; ++g)
      for (std::size_t h = 0; h < order; ++h) {
        double sum = 0;
        for (std::size_t r = 0; r < order; ++r) sum += weights[r] * table[r * order + g] * table[r * order + h];
        worst = std::max(worst, std::abs(sum - (g == h ? 1 : 0)));
      }
    EXPECT_LT(worst, 1e-11) << group.name();
  }
}

TEST(FourierBlocks, NeedTheProductsOfSchursLemma) {
  const auto products = [](const char* name) { return fourier_blocks(parse_finite_group(name)).products(); };
  EXPECT_EQ(products("p4"), 6);
  EXPECT_EQ(products("p4m"), 12);
  EXPECT_EQ(products("C(8)"), 14);
  EXPECT_EQ(products("D(6)"), 20);
  EXPECT_EQ(products("O"), 64);
  EXPECT_EQ(products("Oh"), 128);
  EXPECT_EQ(products("I"), 1 + 27 + 27 + 64 + 125);
  EXPECT_EQ(products("Dic(2)"), 4 + 16);
}

TEST(FourierBlocks, AreWholeNumbersWhereSomeBasisIsPermutedUpToSign) {
  for (const char* name : {"p4", "p4m", "Dic(2)"})
    for (const FourierBlock& block : fourier_blocks(parse_finite_group(name)).blocks)
      for (const Matrix& matrix : block.matrices)
        for (const double value : matrix.values)
          EXPECT_TRUE(2 * value == std::round(2 * value)) << name << " " << block.degree << " " << value;
}

TEST(FiniteGroupsByName, AreThoseOfTheCatalogueAndTheLattices) {
  EXPECT_EQ(parse_finite_group("Dic(2)").order(), 8);
  EXPECT_EQ(parse_finite_group("S(4)").order(), 24);
  EXPECT_EQ(parse_finite_group("Union(I,Ih)").order(), 120);
  EXPECT_TRUE(parse_finite_group("p4m").has_same_table(lattice_group("p4m").group));
  EXPECT_EQ(parse_finite_group("Dic(2)").conjugacy_classes().size(), 5U);
  expect_error([] { (void)parse_finite_group("Z(65)"); }, "parse_finite_group", {"size 65"});
  EXPECT_ANY_THROW((void)parse_finite_group("SO(3)"));
  EXPECT_ANY_THROW((void)parse_finite_group("Monster"));
}

}  // namespace
}  // namespace orbitgrad::groups
