// Rubik's cube and the order of permutation groups.
#include <algorithm>
#include <array>
#include <map>

#include "groups/finite_matrix_groups.hpp"
#include "groups/random_source.hpp"

namespace orbitgrad::groups {

namespace {

using Point = std::array<int, 3>;

int dot(const Point& a, const Point& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

/// A quarter turn about the axis, clockwise seen from its tip: v_parallel - axis x v.
Point quarter_turn(const Point& axis, const Point& v) {
  const Point cross{axis[1] * v[2] - axis[2] * v[1], axis[2] * v[0] - axis[0] * v[2], axis[0] * v[1] - axis[1] * v[0]};
  const int along = dot(axis, v);
  return {along * axis[0] - cross[0], along * axis[1] - cross[1], along * axis[2] - cross[2]};
}

constexpr std::array<Point, 6> face_normals{{{0, 0, 1}, {0, -1, 0}, {1, 0, 0}, {0, 1, 0}, {-1, 0, 0}, {0, 0, -1}}};

}  // namespace

std::vector<Permutation> rubiks_cube_turns() {
  // A sticker is the cubie it sits on, a point of {-1, 0, 1}^3, and the normal of its face.
  std::map<std::pair<Point, Point>, int> index;
  for (const Point& normal : face_normals)
    for (int x = -1; x <= 1; ++x)
      for (int y = -1; y <= 1; ++y)
        for (int z = -1; z <= 1; ++z) {
          const Point cubie{x, y, z};
          const bool centre = std::abs(x) + std::abs(y) + std::abs(z) == 1;
          if (dot(cubie, normal) == 1 && !centre)
            index.emplace(std::pair{normal, cubie}, static_cast<int>(index.size()));
        }
  std::vector<Permutation> turns;
  for (const Point& axis : face_normals) {
    std::vector<int> images(index.size());
    for (const auto& [sticker, place] : index) {
      const auto& [normal, cubie] = sticker;
      const bool moves = dot(cubie, axis) == 1;
      images[static_cast<std::size_t>(place)] =
          moves ? index.at({quarter_turn(axis, normal), quarter_turn(axis, cubie)}) : place;
    }
    turns.emplace_back(images);
  }
  return turns;
}

std::vector<Permutation> published_rubiks_cube_turns() {
  // Eight stickers a face, clockwise from the top left; faces U F R B L D. Turning a face moves the first three
  // stickers (its "top row") of the four others around, whichever of their sides really touches it.
  constexpr std::array<std::array<int, 5>, 6> turned_and_neighbours{
      {{0, 1, 2, 3, 4}, {1, 5, 2, 0, 4}, {2, 1, 5, 3, 0}, {3, 0, 2, 5, 4}, {4, 1, 0, 3, 5}, {5, 3, 2, 1, 4}}};
  std::vector<Permutation> turns;
  for (const auto& faces : turned_and_neighbours) {
    std::vector<int> images(48);
    for (int i = 0; i < 48; ++i) images[static_cast<std::size_t>(i)] = i;
    for (int i = 0; i < 8; ++i) images[static_cast<std::size_t>(8 * faces[0] + i)] = 8 * faces[0] + (i + 2) % 8;
    for (std::size_t side = 0; side < 4; ++side)
      for (int i = 0; i < 3; ++i)
        images[static_cast<std::size_t>(8 * faces[1 + side] + i)] = 8 * faces[1 + (side + 1) % 4] + i;
    turns.emplace_back(images);
  }
  return turns;
}

MatrixGroup rubiks_cube() { return permutation_matrices("RubiksCube", rubiks_cube_turns()); }
MatrixGroup published_rubiks_cube() {
  return permutation_matrices("RubiksCubePublished", published_rubiks_cube_turns());
}

namespace {

/// One level of the chain: the orbit of `base` under generators that fix the bases above, with an element that carries
/// `base` to each point of it.
struct Level {
  int base = 0;
  std::vector<Permutation> generators;
  std::map<int, Permutation> carriers;

  void grow(Permutation generator) {
    generators.push_back(std::move(generator));
    std::vector<int> waiting;
    for (const auto& [point, carrier] : carriers) waiting.push_back(point);
    while (!waiting.empty()) {
      const int point = waiting.back();
      waiting.pop_back();
      for (const Permutation& g : generators)
        if (const int image = g(point); !carriers.contains(image)) {
          carriers.emplace(image, g * carriers.at(point));
          waiting.push_back(image);
        }
    }
  }
};

}  // namespace

std::vector<std::int64_t> stabilizer_chain(const std::vector<Permutation>& generators) {
  require(!generators.empty(), "stabilizer_chain", "no generator. Give the identity at least.");
  const int degree = generators[0].degree();
  for (const Permutation& g : generators)
    require(g.degree() == degree, "stabilizer_chain", "degrees {} and {}. Give all generators one degree.", degree,
            g.degree());
  RandomSource random(0x73636861u);
  // Product replacement: a list of generators whose entries are multiplied by each other, so that they become random.
  std::vector<Permutation> list;
  for (std::size_t i = 0; list.size() < std::max<std::size_t>(12, generators.size()); ++i)
    list.push_back(generators[i % generators.size()]);
  const auto draw = [&] {
    const auto count = static_cast<std::int64_t>(list.size());
    const auto i = static_cast<std::size_t>(random.below(count));
    auto j = static_cast<std::size_t>(random.below(count - 1));
    if (j >= i) ++j;
    const Permutation factor = random.below(2) == 0 ? list[j] : list[j].inverse();
    list[i] = random.below(2) == 0 ? list[i] * factor : factor * list[i];
    return list[i];
  };
  for (int i = 0; i < 200; ++i) draw();

  std::vector<Level> chain;
  for (int in_chain = 0; in_chain < 64;) {
    Permutation rest = draw();
    std::size_t level = 0;
    for (; level < chain.size(); ++level) {
      const auto carrier = chain[level].carriers.find(rest(chain[level].base));
      if (carrier == chain[level].carriers.end()) break;
      rest = carrier->second.inverse() * rest;
    }
    if (rest == Permutation::identity(degree)) {
      ++in_chain;
      continue;
    }
    in_chain = 0;
    if (level == chain.size()) {
      int moved = 0;
      while (rest(moved) == moved) ++moved;
      chain.push_back({moved, {}, {{moved, Permutation::identity(degree)}}});
    }
    for (std::size_t above = 0; above <= level; ++above) chain[above].grow(rest);
  }
  std::vector<std::int64_t> lengths;
  for (const Level& level : chain) lengths.push_back(static_cast<std::int64_t>(level.carriers.size()));
  return lengths;
}

}  // namespace orbitgrad::groups
