#include "groups/vector_action.hpp"

#include <cmath>
#include <limits>
#include <numbers>

#include "groups/orbit.hpp"
#include "tests/groups/group_zoo.hpp"

namespace orbitgrad::groups {
namespace {

/// D_n on the plane: r turns by 2 pi r / n, m flips the first coordinate, matrix of n m + r is M^m R^r.
std::vector<double> plane_matrices(int n) {
  std::vector<double> matrices;
  for (int s = 0; s < 2 * n; ++s) {
    const double angle = 2.0 * std::numbers::pi * (s % n) / n, flip = s < n ? 1.0 : -1.0;
    for (const double entry : {flip * std::cos(angle), -flip * std::sin(angle), std::sin(angle), std::cos(angle)}) {
      matrices.push_back(entry);
    }
  }
  return matrices;
}

double mean_squared_character(const VectorAction& action) {
  double sum = 0.0;
  for (int s = 0; s < action.group().order(); ++s) sum += action.character(s) * action.character(s);
  return sum / action.group().order();
}

TEST(VectorAction, DihedralPlaneIsIrreducible) {
  for (const int n : {3, 4, 5, 8}) {
    const VectorAction plane(dihedral(n), 2, plane_matrices(n));
    EXPECT_NEAR(mean_squared_character(plane), 1.0, 1e-12) << n;
    EXPECT_NEAR(mean_squared_character(direct_sum(plane, plane)), 4.0, 1e-12) << n;
  }
}

TEST(VectorAction, ApplyIsAHomomorphism) {
  const VectorAction action =
      direct_sum(VectorAction(dihedral(5), 2, plane_matrices(5)), permutation_action(left_regular_action(dihedral(5))));
  std::vector<double> vector;
  for (int i = 0; i < 12; ++i) vector.push_back(std::sin(i + 1.0));
  for (int a = 0; a < 10; ++a) {
    for (int b = 0; b < 10; ++b) {
      const auto twice = action.apply(a, action.apply(b, vector));
      const auto once = action.apply(action.group().product(a, b), vector);
      for (std::size_t i = 0; i < once.size(); ++i) EXPECT_NEAR(twice[i], once[i], 1e-13);
    }
  }
}

TEST(VectorAction, PermutationMatricesGatherAsSourceTablesDo) {
  const Action grid = grid_action(lattice_group("p4m"), 4, 4);
  const VectorAction action = permutation_action(grid);
  const auto source = grid.source_table();
  std::vector<double> image(16);
  for (std::size_t i = 0; i < 16; ++i) image[i] = static_cast<double>(i * i);
  for (int s = 0; s < 8; ++s) {
    EXPECT_EQ(action.character(s), static_cast<double>(grid.fixed_point_count(s)));
    const auto moved = action.apply(s, image);
    for (std::size_t i = 0; i < 16; ++i) {
      EXPECT_EQ(moved[i], image[static_cast<std::size_t>(source[static_cast<std::size_t>(s) * 16 + i])]);
    }
  }
}

TEST(VectorAction, CharacterOfAPermutationActionIsAClassFunction) {
  for (const auto& group : group_zoo()) {
    const VectorAction regular = permutation_action(left_regular_action(group));
    for (const auto& members : group.conjugacy_classes()) {
      for (const int a : members) EXPECT_EQ(regular.character(a), regular.character(members.front()));
    }
    EXPECT_EQ(mean_squared_character(regular), group.order());
  }
}

TEST(VectorAction, LatticeMatrices) {
  for (const auto& name : lattice_group_names()) {
    const LatticeGroup lattice = lattice_group(name);
    const VectorAction action = lattice_vector_action(lattice);
    for (int s = 0; s < lattice.order(); ++s) {
      for (std::size_t i = 0; i < 4; ++i)
        EXPECT_EQ(action.matrix(s)[i], lattice.matrices[static_cast<std::size_t>(s)][i]);
    }
  }
}

TEST(VectorAction, SignedPermutations) {
  // S_3 on three axes with the sign of the permutation on each: traces of sign times natural
  const auto three = symmetric(3);
  const Action natural = natural_action(three);
  std::vector<int> signs;
  for (const auto& p : three.elements) signs.insert(signs.end(), 3, p.sign());
  const VectorAction action = signed_permutation_action(natural, signs);
  for (int s = 0; s < 6; ++s) {
    EXPECT_EQ(action.character(s),
              three.elements[static_cast<std::size_t>(s)].sign() * static_cast<double>(natural.fixed_point_count(s)));
  }
  EXPECT_NO_THROW(VectorAction(three.group, 3, {action.matrices().begin(), action.matrices().end()}, 0.0));

  auto broken = signs;
  broken[4] = -broken[4];
  expect_error([&] { static_cast<void>(signed_permutation_action(natural, broken)); }, "signed_permutation_action",
               {"not a homomorphism"});
  broken[4] = 2;
  expect_error([&] { static_cast<void>(signed_permutation_action(natural, broken)); }, "signed_permutation_action",
               {"point 1 is 2"});
  broken = signs;
  broken[0] = -1;
  expect_error([&] { static_cast<void>(signed_permutation_action(natural, broken)); }, "signed_permutation_action",
               {"the identity"});
  broken.pop_back();
  expect_error([&] { static_cast<void>(signed_permutation_action(natural, broken)); }, "signed_permutation_action",
               {"[6, 3]", "got 17"});
}

TEST(VectorAction, RefusesMatricesThatAreNoRepresentation) {
  const FiniteGroup two = cyclic(2);
  expect_error([&] { VectorAction(two, 1, {1.0}); }, "vector_action", {"[2, 1, 1]", "got 1"});
  expect_error([&] { VectorAction(two, 1, {-1.0, 1.0}); }, "vector_action", {"identity", "-1 at (0, 0)"});
  expect_error([&] { VectorAction(two, 1, {1.0, 2.0}); }, "vector_action", {"not a homomorphism", "differs", "3"});
  expect_error(
      [&] {
        VectorAction(two, 1, {1.0, std::numeric_limits<double>::quiet_NaN()});
      },
      "vector_action", {"not a homomorphism"});
  expect_error([&] { VectorAction(two, -1, {}); }, "vector_action", {"negative"});
  expect_error([&] { VectorAction(two, std::int64_t{1} << 40, {}); }, "vector_action", {"smaller dimension"});
  auto matrices = plane_matrices(5);
  matrices[7] += 1e-6;
  expect_error([&] { VectorAction(dihedral(5), 2, matrices); }, "vector_action", {"not a homomorphism"});
  EXPECT_NO_THROW(VectorAction(dihedral(5), 2, matrices, 1e-5));
  EXPECT_NO_THROW(VectorAction(two, 0, {}));
}

TEST(VectorAction, Errors) {
  const VectorAction action = lattice_vector_action(lattice_group("p4"));
  expect_error([&] { static_cast<void>(action.matrix(4)); }, "vector_action", {"element 4"});
  expect_error([&] { static_cast<void>(action.apply(0, std::vector<double>{1.0})); }, "vector_action", {"[2]", "[1]"});
  expect_error([&] { static_cast<void>(direct_sum(action, lattice_vector_action(lattice_group("p2")))); }, "direct_sum",
               {"p4", "p2"});
}

}  // namespace
}  // namespace orbitgrad::groups
