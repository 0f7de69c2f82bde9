#include "groups/group_catalogue.hpp"

#include <algorithm>
#include <functional>

#include "groups/classical_groups.hpp"
#include "groups/enumeration.hpp"
#include "groups/expression_reader.hpp"
#include "groups/finite_matrix_groups.hpp"
#include "groups/lattice_group.hpp"

namespace orbitgrad::groups {

namespace {

struct Arguments {
  std::vector<MatrixGroup> groups;
  std::vector<std::int64_t> numbers;
};

constexpr int any_number = -1;

struct Builder {
  std::string name;
  int groups = 0, numbers = 0;  // how many of each; any_number: one and more
  std::function<MatrixGroup(const Arguments&)> build;
  CatalogueEntry entry;
};

Builder constant(std::string name, MatrixGroup (*build)(), std::string description) {
  return {name, 0, 0, [build](const Arguments&) { return build(); }, {name, std::move(description)}};
}

Builder sized(std::string name, MatrixGroup (*build)(std::int64_t), std::string usage, std::string description) {
  return {std::move(name),
          0,
          1,
          [build](const Arguments& a) { return build(a.numbers[0]); },
          {std::move(usage), std::move(description)}};
}

Builder lorentz_named(std::string name, MatrixGroup (*build)(std::int64_t), std::int64_t space, std::string text) {
  return {name, 0, 0, [build, space](const Arguments&) { return build(space); }, {name, std::move(text)}};
}

MatrixGroup in_plane(const MatrixGroup& group) { return embedded(group, 3, {0, 1}); }

std::vector<Builder> make_builders() {
  std::vector<Builder> list{
      sized("Trivial", trivial_group, "Trivial(n)", "no symmetry on n coordinates"),
      sized("SO", special_orthogonal, "SO(n)", "rotations of n dimensions"),
      sized("O", orthogonal, "O(n)", "rotations and reflections of n dimensions"),
      sized("C", plane_cyclic, "C(k)", "rotations of the plane by 360/k degrees"),
      sized("D", plane_dihedral, "D(k)", "the same with a reflection"),
      sized("Dic", dicyclic, "Dic(n)",
            "4n quaternions exp(pi i k / n) and those times j; Dic(2) is the quaternion group"),
      sized("Scaling", scaling, "Scaling(n)", "multiples of a vector of n dimensions"),
      sized("Reflect", reflection, "Reflect(n)", "the sign of the first of n coordinates"),
      lorentz_named("SO11p", proper_lorentz, 1, "boosts of one dimension of space, identity component"),
      lorentz_named("O11", lorentz, 1, "the same with the reversals of time and space"),
      lorentz_named("SO13p", proper_lorentz, 3, "Lorentz transformations, identity component"),
      lorentz_named("SO13", special_lorentz, 3, "Lorentz transformations of determinant 1"),
      lorentz_named("O13", lorentz, 3, "all Lorentz transformations"),
      lorentz_named("Lorentz", lorentz, 3, "another name of O13"),
      constant("Parity", parity, "the reversal of space in (t, x, y, z)"),
      constant("TimeReversal", time_reversal, "the reversal of time in (t, x, y, z)"),
      sized("Sp", symplectic, "Sp(m)", "real symplectic matrices of size 2m"),
      sized("SL", special_linear, "SL(n)", "real matrices of determinant 1"),
      sized("GL", general_linear, "GL(n)", "invertible real matrices, identity component"),
      sized("U", unitary, "U(n)", "unitary complex matrices"),
      sized("SU", special_unitary, "SU(n)", "unitary complex matrices of determinant 1"),
      sized("T", translations, "T(n)", "translations in homogeneous coordinates, size n + 1"),
      sized("RotationGroup", homogeneous_rotations, "RotationGroup(n)", "rotations in homogeneous coordinates"),
      sized("SE", special_euclidean, "SE(n)", "translations and rotations in homogeneous coordinates"),
      sized("E", euclidean, "E(n)", "the same with reflections"),
      sized("Z", cyclic_shifts, "Z(n)", "cyclic shifts of n coordinates"),
      sized("S", symmetric_matrices, "S(n)", "all permutations of n coordinates"),
      constant("Cube", cube_faces, "rotations of the cube on its 6 faces"),
      constant("RubiksCube", rubiks_cube, "Rubik's cube on its 48 stickers"),
      constant("RubiksCubePublished", published_rubiks_cube, "what EMLP's code has under that name"),
      {"ZksZnxZn",
       0,
       2,
       [](const Arguments& a) { return torus_turns(a.numbers[0], a.numbers[1]); },
       {"ZksZnxZn(k,n)", "shifts and turns of k n^2 coordinates of a torus, k = 2 or 4"}},
      {"SO2eR3",
       0,
       0,
       [](const Arguments&) { return in_plane(special_orthogonal(2)); },
       {"SO2eR3", "rotations of space about the z axis"}},
      {"O2eR3",
       0,
       0,
       [](const Arguments&) { return in_plane(orthogonal(2)); },
       {"O2eR3", "the same with the reflection of x"}},
      {"DkeR3",
       0,
       1,
       [](const Arguments& a) { return in_plane(plane_dihedral(a.numbers[0])); },
       {"DkeR3(k)", "the dihedral group in the plane xy of space"}},
      {"Embed",
       1,
       any_number,
       [](const Arguments& a) {
         return embedded(a.groups[0], a.numbers[0], {a.numbers.begin() + 1, a.numbers.end()});
       },
       {"Embed(G,d,i,j,..)", "G on the coordinates i, j, .. of d, the others fixed"}},
      {"Union",
       any_number,
       0,
       [](const Arguments& a) { return generated_by(a.groups); },
       {"Union(G,H,..)", "the group generated by groups of one size"}},
      {"DirectProduct",
       2,
       0,
       [](const Arguments& a) { return direct_product(a.groups[0], a.groups[1]); },
       {"DirectProduct(G,H)", "Kronecker products of elements"}},
      {"SemidirectProduct",
       2,
       0,
       [](const Arguments& a) { return semidirect_product(a.groups[0], a.groups[1]); },
       {"SemidirectProduct(N,H)", "H normalizes N, both of one size"}}};
  const char* what[] = {"rotations of the cube",        "symmetries of the cube",
                        "rotations of the tetrahedron", "symmetries of the tetrahedron",
                        "rotations of the icosahedron", "symmetries of the icosahedron"};
  for (std::size_t i = 0; i < point_group_names().size(); ++i) {
    const std::string name = point_group_names()[i];
    list.push_back({name, 0, 0, [name](const Arguments&) { return point_group(name); }, {name, what[i]}});
  }
  return list;
}

const std::vector<Builder>& builders() {
  static const std::vector<Builder> list = make_builders();
  return list;
}

bool fits(int wanted, std::size_t given) {
  return wanted == any_number ? given >= 1 : static_cast<std::size_t>(wanted) == given;
}

/// A short expression may name many large groups: numbers in the generators of all of them together.
constexpr std::int64_t most_numbers = std::int64_t{1} << 25;

std::int64_t numbers_in(const MatrixGroup& group) {
  const auto generators = static_cast<std::int64_t>(group.lie_generators().size() + group.discrete_generators().size());
  return group.dimension() * group.dimension() * generators;
}

MatrixGroup read_group(ExpressionReader& reader, std::int64_t& numbers, int depth = 0) {
  if (depth > 20) reader.fail_here("more than 20 groups inside each other");
  (void)reader.peek();
  const std::size_t begin = reader.position();
  const std::string name = reader.name(true);
  Arguments arguments;
  if (reader.take('(')) {
    do {
      if (reader.at_number())
        arguments.numbers.push_back(reader.number());
      else
        arguments.groups.push_back(read_group(reader, numbers, depth + 1));
    } while (reader.take(','));
    reader.expect(')');
  }
  std::string usages;
  for (const Builder& builder : builders()) {
    if (builder.name != name) continue;
    if (fits(builder.groups, arguments.groups.size()) && fits(builder.numbers, arguments.numbers.size())) {
      MatrixGroup group = builder.build(arguments);
      numbers += numbers_in(group);
      if (numbers > most_numbers) reader.fail_at(begin, "the groups are too large together");
      return group;
    }
    usages += (usages.empty() ? "" : " or ") + builder.entry.usage;
  }
  if (!usages.empty()) reader.fail_at(begin, fmt::format("wrong arguments, it is {},", usages));
  reader.fail_at(begin, fmt::format("no group is called {} (`orbitgrad groups` lists them)", name));
}

}  // namespace

const std::vector<CatalogueEntry>& group_catalogue() {
  static const std::vector<CatalogueEntry> entries = [] {
    std::vector<CatalogueEntry> list;
    for (const Builder& builder : builders()) list.push_back(builder.entry);
    return list;
  }();
  return entries;
}

MatrixGroup parse_group(std::string_view text) {
  ExpressionReader reader("parse_group", text);
  std::int64_t numbers = 0;
  MatrixGroup group = read_group(reader, numbers);
  reader.expect_end();
  return group;
}

FiniteGroup parse_finite_group(std::string_view text) {
  for (const auto* names : {&lattice_group_names(), &hexagonal_group_names()})
    if (std::ranges::find(*names, text) != names->end()) return lattice_group(text).group;
  const MatrixGroup group = parse_group(text);
  constexpr std::int64_t largest_matrix = 64;  // thousands of them are made
  require(group.dimension() <= largest_matrix, "parse_finite_group",
          "the matrices of {} have size {}. Take a group of matrices up to size {}.", group.name(), group.dimension(),
          largest_matrix);
  return Enumeration(group).group();
}

}  // namespace orbitgrad::groups
