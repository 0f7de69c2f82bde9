#include "groups/lattice_group.hpp"

#include "groups/homomorphism.hpp"
#include "tests/groups/group_zoo.hpp"

namespace orbitgrad::groups {
namespace {

TEST(LatticeGroup, NamesOrdersAndIsomorphismTypes) {
  EXPECT_EQ(lattice_group_names(), (std::vector<std::string>{"p1", "p2", "p4", "pm", "p4m"}));
  EXPECT_TRUE(lattice_group("p1").group.has_same_table(cyclic(1)));
  EXPECT_TRUE(lattice_group("p2").group.has_same_table(cyclic(2)));
  EXPECT_TRUE(lattice_group("p4").group.has_same_table(cyclic(4)));
  EXPECT_TRUE(lattice_group("pm").group.has_same_table(cyclic(2)));
  EXPECT_TRUE(lattice_group("p4m").group.has_same_table(dihedral(4)));
}

TEST(LatticeGroup, MatricesAreTheConvention) {
  EXPECT_EQ(lattice_group("p2").matrices[1], (LatticeMatrix{-1, 0, 0, -1}));
  EXPECT_EQ(lattice_group("pm").matrices[1], (LatticeMatrix{1, 0, 0, -1}));
  // R (row, col) -> (-col, row), M (row, col) -> (-row, col); M R (row, col) = M (-col, row) = (col, row)
  EXPECT_EQ(lattice_group("p4").matrices[1], (LatticeMatrix{0, -1, 1, 0}));
  EXPECT_EQ(lattice_group("p4m").matrices[1], (LatticeMatrix{0, -1, 1, 0}));
  EXPECT_EQ(lattice_group("p4m").matrices[3], (LatticeMatrix{0, 1, -1, 0}));
  EXPECT_EQ(lattice_group("p4m").matrices[4], (LatticeMatrix{-1, 0, 0, 1}));
  EXPECT_EQ(lattice_group("p4m").matrices[5], (LatticeMatrix{0, 1, 1, 0}));
}

TEST(LatticeGroup, ProductFormulaOfP4m) {
  const FiniteGroup group = lattice_group("p4m").group;
  for (int a = 0; a < 8; ++a) {
    for (int b = 0; b < 8; ++b) {
      const int m1 = a / 4, r1 = a % 4, m2 = b / 4, r2 = b % 4;
      const int m = (m1 + m2) % 2, r = ((m2 == 0 ? r1 : -r1) + r2 + 4) % 4;
      EXPECT_EQ(group.product(a, b), 4 * m + r) << a << " " << b;
    }
  }
}

TEST(LatticeGroup, MatricesMultiplyAsTheGroupDoes) {
  for (const auto& name : lattice_group_names()) {
    const LatticeGroup lattice = lattice_group(name);
    ASSERT_EQ(static_cast<int>(lattice.matrices.size()), lattice.order());
    EXPECT_EQ(lattice.group.identity(), 0);
    for (int a = 0; a < lattice.order(); ++a) {
      for (int b = 0; b < lattice.order(); ++b) {
        const auto& x = lattice.matrices[static_cast<std::size_t>(a)];
        const auto& y = lattice.matrices[static_cast<std::size_t>(b)];
        const LatticeMatrix expected = {x[0] * y[0] + x[1] * y[2], x[0] * y[1] + x[1] * y[3], x[2] * y[0] + x[3] * y[2],
                                        x[2] * y[1] + x[3] * y[3]};
        EXPECT_EQ(lattice.matrices[static_cast<std::size_t>(lattice.group.product(a, b))], expected);
      }
    }
  }
}

TEST(LatticeGroup, FilterElementTable) {
  for (const auto& name : lattice_group_names()) {
    const LatticeGroup lattice = lattice_group(name);
    const auto table = lattice.filter_element_table();
    const auto at = [&](int s, int t) { return table[static_cast<std::size_t>(s * lattice.order() + t)]; };
    ASSERT_EQ(static_cast<int>(table.size()), lattice.order() * lattice.order());
    for (int s = 0; s < lattice.order(); ++s) {
      EXPECT_EQ(at(s, s), 0);
      for (int t = 0; t < lattice.order(); ++t) {
        EXPECT_EQ(lattice.group.product(s, at(s, t)), t);
        for (int h = 0; h < lattice.order(); ++h) {
          EXPECT_EQ(at(lattice.group.product(h, s), lattice.group.product(h, t)), at(s, t));
        }
      }
    }
  }
  // p4: (t - s) mod 4
  const auto p4 = lattice_group("p4").filter_element_table();
  for (int s = 0; s < 4; ++s) {
    for (int t = 0; t < 4; ++t) EXPECT_EQ(p4[static_cast<std::size_t>(4 * s + t)], (t - s + 4) % 4);
  }
}

TEST(LatticeGroup, HexagonalMatricesAreTheConvention) {
  EXPECT_EQ(hexagonal_group_names(), (std::vector<std::string>{"p6", "p6m"}));
  const LatticeGroup p6 = lattice_group("p6"), p6m = lattice_group("p6m");
  EXPECT_TRUE(p6.group.has_same_table(cyclic(6)));
  EXPECT_TRUE(p6m.group.has_same_table(dihedral(6)));
  EXPECT_EQ(p6.matrices[1], (LatticeMatrix{0, -1, 1, 1}));
  EXPECT_EQ(p6.matrices[3], (LatticeMatrix{-1, 0, 0, -1}));
  EXPECT_EQ(p6m.matrices[6], (LatticeMatrix{0, 1, 1, 0}));
  EXPECT_EQ(p6m.matrices[7], (LatticeMatrix{1, 1, 0, -1}));  // M R (row, col) = M (-col, row + col)
  EXPECT_TRUE(p6.is_hexagonal() && p6m.is_hexagonal());
  for (const auto& name : lattice_group_names()) EXPECT_FALSE(lattice_group(name).is_hexagonal());
}

TEST(LatticeGroup, Errors) {
  expect_error([] { static_cast<void>(lattice_group("p5")); }, "lattice_group", {"'p5'", "p1, p2, p4, pm, p4m"});
  expect_error([] { static_cast<void>(lattice_group("")); }, "lattice_group", {"''"});
  expect_error(
      [] {
        static_cast<void>(lattice_group_from_matrices("half", {{1, 0, 0, 1}, {0, -1, 1, 0}}));
      },
      "lattice_group", {"[[-1, 0], [0, -1]]", "not in the list"});
  expect_error(
      [] {
        static_cast<void>(lattice_group_from_matrices("twice", {{1, 0, 0, 1}, {1, 0, 0, 1}}));
      },
      "lattice_group", {"element 1 repeats", "element 0"});
  expect_error([] { static_cast<void>(lattice_group_from_matrices("none", {})); }, "lattice_group", {"at least one"});
  expect_error(
      [] {
        static_cast<void>(lattice_group_from_matrices("shear", {{1, 1 << 15, 0, 1}}));
      },
      "lattice_group", {"too large"});
}

}  // namespace
}  // namespace orbitgrad::groups
