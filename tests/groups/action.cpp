#include "groups/action.hpp"

#include <numeric>

#include "groups/orbit.hpp"
#include "tests/groups/group_zoo.hpp"

namespace orbitgrad::groups {
namespace {

std::vector<int> iota(std::int64_t n) {
  std::vector<int> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), 0);
  return values;
}

/// L_s f by the gather table.
std::vector<int> act(const Action& action, int s, const std::vector<int>& f) {
  const auto source = action.source_table();
  std::vector<int> moved;
  for (std::int64_t i = 0; i < action.points(); ++i) {
    moved.push_back(f[static_cast<std::size_t>(source[static_cast<std::size_t>(s * action.points() + i)])]);
  }
  return moved;
}

/// Actions of every kind, with and without fixed points, on none, one and several orbits.
std::vector<Action> action_zoo() {
  std::vector<Action> zoo;
  for (const auto& group : group_zoo()) {
    zoo.push_back(left_regular_action(group));
    zoo.push_back(trivial_action(group, 3));
    zoo.push_back(trivial_action(group, 0));
    zoo.push_back(coset_action(Subgroup::generated(group, std::vector<int>{group.order() - 1})));
  }
  for (const auto& name : lattice_group_names()) {
    for (const int size : {0, 1, 2, 3, 4, 5}) {
      zoo.push_back(grid_action(lattice_group(name), size, size));
      zoo.push_back(regular_feature_action(lattice_group(name), size, size));
    }
  }
  zoo.push_back(grid_action(lattice_group("p2"), 3, 4));
  zoo.push_back(grid_action(lattice_group("pm"), 2, 5));
  for (const int n : {1, 3, 4}) {
    const Action natural = natural_action(symmetric(n));
    zoo.push_back(natural);
    zoo.push_back(product_action(natural, natural));
    zoo.push_back(disjoint_union(natural, left_regular_action(natural.group())));
  }
  return zoo;
}

TEST(Action, IsAHomomorphismOnFunctions) {
  for (const auto& action : action_zoo()) {
    SCOPED_TRACE(action.group().name());
    const auto f = iota(action.points());
    EXPECT_EQ(act(action, action.group().identity(), f), f);
    for (int a = 0; a < action.group().order(); ++a) {
      for (int b = 0; b < action.group().order(); ++b) {
        ASSERT_EQ(act(action, a, act(action, b, f)), act(action, action.group().product(a, b), f));
      }
    }
  }
}

TEST(Action, SourceIsTheInverseOfDestination) {
  for (const auto& action : action_zoo()) {
    const auto source = action.source_table();
    for (int s = 0; s < action.group().order(); ++s) {
      for (std::int64_t i = 0; i < action.points(); ++i) {
        const int from = source[static_cast<std::size_t>(s * action.points() + i)];
        EXPECT_EQ(action.destination(s, from), i);
        EXPECT_EQ(action.destination(action.group().inverse(s), i), from);
      }
    }
  }
}

TEST(Action, QuarterTurnIsCounterClockwiseOnTheScreen) {
  const std::vector<int> picture = {1, 2, 3,  //
                                    4, 5, 6,  //
                                    7, 8, 9};
  const Action action = grid_action(lattice_group("p4m"), 3, 3);
  EXPECT_EQ(act(action, 1, picture), (std::vector<int>{3, 6, 9, 2, 5, 8, 1, 4, 7}));
  EXPECT_EQ(act(action, 2, picture), (std::vector<int>{9, 8, 7, 6, 5, 4, 3, 2, 1}));
  EXPECT_EQ(act(action, 3, picture), (std::vector<int>{7, 4, 1, 8, 5, 2, 9, 6, 3}));
  // M flips rows; M R: first turned, then the rows flipped, the transpose about the main diagonal
  EXPECT_EQ(act(action, 4, picture), (std::vector<int>{7, 8, 9, 4, 5, 6, 1, 2, 3}));
  EXPECT_EQ(act(action, 5, picture), (std::vector<int>{1, 4, 7, 2, 5, 8, 3, 6, 9}));
  EXPECT_EQ(act(action, 6, picture), (std::vector<int>{3, 2, 1, 6, 5, 4, 9, 8, 7}));
  EXPECT_EQ(act(action, 7, picture), (std::vector<int>{9, 6, 3, 8, 5, 2, 7, 4, 1}));
  EXPECT_EQ(act(grid_action(lattice_group("p4"), 2, 2), 1, {1, 2, 3, 4}), (std::vector<int>{2, 4, 1, 3}));
  EXPECT_EQ(act(grid_action(lattice_group("pm"), 2, 3), 1, {1, 2, 3, 4, 5, 6}), (std::vector<int>{3, 2, 1, 6, 5, 4}));
  EXPECT_EQ(act(grid_action(lattice_group("p2"), 2, 3), 1, {1, 2, 3, 4, 5, 6}), (std::vector<int>{6, 5, 4, 3, 2, 1}));
}

TEST(Action, GridFollowsTheMatricesAboutTheCentre) {
  for (const auto& name : lattice_group_names()) {
    const LatticeGroup lattice = lattice_group(name);
    for (const int size : {1, 2, 3, 6, 7}) {
      const Action action = grid_action(lattice, size, size);
      const double centre = (size - 1) / 2.0;
      for (int s = 0; s < lattice.order(); ++s) {
        const auto& m = lattice.matrices[static_cast<std::size_t>(s)];
        for (int row = 0; row < size; ++row) {
          for (int col = 0; col < size; ++col) {
            const int moved = action.destination(s, row * size + col);
            EXPECT_EQ(moved / size - centre, m[0] * (row - centre) + m[1] * (col - centre));
            EXPECT_EQ(moved % size - centre, m[2] * (row - centre) + m[3] * (col - centre));
          }
        }
      }
    }
  }
}

TEST(Action, RegularFeaturesMoveGroupAxisAndPixels) {
  const LatticeGroup lattice = lattice_group("p4m");
  const int size = 3, pixels = size * size;
  const Action grid = grid_action(lattice, size, size), feature = regular_feature_action(lattice, size, size);
  ASSERT_EQ(feature.points(), 8 * pixels);
  const auto source = feature.source_table(), grid_source = grid.source_table();
  for (int h = 0; h < 8; ++h) {
    for (int t = 0; t < 8; ++t) {
      for (int p = 0; p < pixels; ++p) {
        EXPECT_EQ(source[static_cast<std::size_t>((h * 8 + t) * pixels + p)],
                  lattice.group.product(lattice.group.inverse(h), t) * pixels +
                      grid_source[static_cast<std::size_t>(h * pixels + p)]);
      }
    }
  }
}

TEST(Action, GridErrors) {
  expect_error([] { static_cast<void>(grid_action(lattice_group("p4"), 3, 4)); }, "grid_action",
               {"p4", "square", "[3, 4]"});
  expect_error([] { static_cast<void>(grid_action(lattice_group("p4m"), 1, 2)); }, "grid_action", {"[1, 2]"});
  expect_error([] { static_cast<void>(grid_action(lattice_group("p2"), -1, 2)); }, "grid_action", {"[-1, 2]"});
  expect_error(
      [] { static_cast<void>(grid_action(lattice_group("p2"), std::int64_t{1} << 40, std::int64_t{1} << 40)); },
      "grid_action", {"Use a smaller grid"});
  expect_error([] { static_cast<void>(grid_action(lattice_group("p4m"), 8000, 8000)); }, "grid_action",
               {"needs a table"});
  // a hexagonal rotation does not map a square grid to itself
  const auto hexagonal = lattice_group_from_matrices("p3", {{1, 0, 0, 1}, {-1, -1, 1, 0}, {0, 1, -1, -1}});
  expect_error([&] { static_cast<void>(grid_action(hexagonal, 3, 3)); }, "grid_action", {"p3", "hexagons", "[3, 3]"});
}

TEST(Action, RefusesTablesThatAreNoAction) {
  const FiniteGroup two = cyclic(2), four = cyclic(4);
  expect_error([&] { Action(two, 2, {0, 1, 1}); }, "action", {"[2, 2]", "got 3"});
  expect_error([&] { Action(two, -1, {}); }, "action", {"negative"});
  expect_error([&] { Action(two, std::int64_t{1} << 60, {}); }, "action", {"needs a table"});
  expect_error([&] { Action(two, 2, {0, 1, 1, 2}); }, "action", {"r1", "point 1 to 2"});
  expect_error([&] { Action(two, 2, {0, 1, 1, 1}); }, "action", {"0 and 1 both to 1"});
  expect_error([&] { Action(two, 2, {1, 0, 0, 1}); }, "action", {"the identity", "point 0 to 1"});
  // an element of order 2 that acts by a 3-cycle
  expect_error([&] { Action(two, 3, {0, 1, 2, 1, 2, 0}); }, "action", {"not a homomorphism", "a = r1, b = r1"});
  // r1 and r2 exchanged
  expect_error(
      [&] {
        Action(four, 4, {0, 1, 2, 3, 2, 3, 0, 1, 1, 2, 3, 0, 3, 0, 1, 2});
      },
      "action", {"not a homomorphism"});
  expect_error([&] { static_cast<void>(trivial_action(two, 2).destination(2, 0)); }, "action", {"element 2"});
  expect_error([&] { static_cast<void>(trivial_action(two, 2).destination(0, 2)); }, "action", {"point 2"});
}

TEST(Action, InversesInsteadOfDestinationsAreCaught) {
  // s -> inverse permutation is a homomorphism for abelian groups only
  for (const auto& group : group_zoo()) {
    const auto source = left_regular_action(group).source_table();
    if (group.is_abelian()) {
      EXPECT_NO_THROW(Action(group, group.order(), source));
    } else {
      EXPECT_THROW(Action(group, group.order(), source), Error) << group.name();
    }
  }
}

TEST(Action, RefusesActionsOfDifferentGroups) {
  const Action first = trivial_action(cyclic(4), 2), second = trivial_action(dihedral(2), 2);
  expect_error([&] { static_cast<void>(product_action(first, second)); }, "product_action", {"C4", "D2"});
  expect_error([&] { static_cast<void>(disjoint_union(first, second)); }, "disjoint_union", {"C4", "D2"});
}

TEST(Orbit, OrbitsPartitionAndMeetStabilizers) {
  for (const auto& action : action_zoo()) {
    SCOPED_TRACE(action.group().name());
    const Orbits found = orbits(action);
    EXPECT_EQ(static_cast<std::int64_t>(found.members.size()), orbit_count(action));
    EXPECT_EQ(is_transitive(action), found.members.size() == 1);
    std::size_t points = 0;
    bool all_stabilizers_trivial = true;
    for (std::size_t k = 0; k < found.members.size(); ++k) {
      points += found.members[k].size();
      for (const int point : found.members[k]) {
        EXPECT_EQ(found.orbit_of[static_cast<std::size_t>(point)], static_cast<int>(k));
        const Subgroup fixing = stabilizer(action, point);
        EXPECT_EQ(static_cast<int>(found.members[k].size()) * fixing.order(), action.group().order());
        all_stabilizers_trivial = all_stabilizers_trivial && fixing.order() == 1;
        for (int s = 0; s < action.group().order(); ++s) {
          EXPECT_EQ(found.orbit_of[static_cast<std::size_t>(action.destination(s, point))], static_cast<int>(k));
          EXPECT_EQ(fixing.contains(s), action.destination(s, point) == point);
        }
      }
    }
    EXPECT_EQ(static_cast<std::int64_t>(points), action.points());
    EXPECT_EQ(is_free(action), all_stabilizers_trivial);
  }
}

TEST(Orbit, KnownCounts) {
  // orbits of p4m on an n x n grid: triangular numbers of ceil(n / 2)
  const std::vector<std::int64_t> counts = {1, 1, 3, 3, 6, 6};
  for (int n = 1; n <= 6; ++n) {
    EXPECT_EQ(orbit_count(grid_action(lattice_group("p4m"), n, n)), counts[static_cast<std::size_t>(n - 1)]);
  }
  EXPECT_TRUE(is_free(grid_action(lattice_group("p4"), 4, 4)));
  EXPECT_FALSE(is_free(grid_action(lattice_group("p4"), 5, 5)));
  EXPECT_FALSE(is_free(grid_action(lattice_group("p4m"), 4, 4)));
  EXPECT_TRUE(is_free(regular_feature_action(lattice_group("p4m"), 5, 5)));
  // S_n on k-tuples: the number of partitions of k things into at most n classes (Bell numbers for n >= k)
  const Action natural = natural_action(symmetric(4));
  const Action pairs = product_action(natural, natural), triples = product_action(natural, pairs);
  EXPECT_EQ(orbit_count(natural), 1);
  EXPECT_EQ(orbit_count(pairs), 2);
  EXPECT_EQ(orbit_count(triples), 5);
  EXPECT_EQ(orbit_count(product_action(pairs, pairs)), 15);
}

TEST(Orbit, CosetActionHasTheSubgroupAsStabilizer) {
  for (const auto& group : group_zoo()) {
    for (int a = 0; a < group.order(); ++a) {
      const auto subgroup = Subgroup::generated(group, std::vector<int>{a});
      const Action action = coset_action(subgroup);
      EXPECT_TRUE(is_transitive(action));
      const int home = subgroup.left_cosets().coset_of[static_cast<std::size_t>(group.identity())];
      const auto fixing = stabilizer(action, home);
      EXPECT_TRUE(std::equal(fixing.embedding().begin(), fixing.embedding().end(), subgroup.embedding().begin(),
                             subgroup.embedding().end()));
    }
  }
}

TEST(Orbit, Errors) {
  expect_error([] { static_cast<void>(stabilizer(trivial_action(cyclic(2), 2), 2)); }, "action", {"point 2"});
}

}  // namespace
}  // namespace orbitgrad::groups
