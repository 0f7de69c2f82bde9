// Bases of equivariant maps: dimensions against published and independent values, projectors, solvers, the cache.
#include "groups/invariant_basis.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <sstream>
#include <thread>

#include "groups/enumeration.hpp"
#include "groups/equivariant_maps.hpp"
#include "groups/group_catalogue.hpp"
#include "groups/haar.hpp"
#include "tests/groups/group_zoo.hpp"
#include "tests/places.hpp"

namespace orbitgrad::groups {
namespace {

template <class T>
EquivariantMaps<T> maps(const std::string& group_name, const std::string& out, const std::string& in,
                        BasisOptions options = {}) {
  const MatrixGroup group = parse_group(group_name);
  BasisLibrary<T> library(options);
  return {Representation::parse(out, group), Representation::parse(in, group), library};
}

std::int64_t dimension(const std::string& group, const std::string& out, const std::string& in,
                       BasisOptions options = {}) {
  return parse_group(group).is_real() ? maps<double>(group, out, in, options).dimension()
                                      : maps<Complex>(group, out, in, options).dimension();
}

/// A name in the folder for temporary files that no other process uses.
std::filesystem::path new_folder(const std::string& name) {
  return std::filesystem::path(testing::TempDir()) / fmt::format("{}_{}", name, getpid());
}

struct Row {
  std::string group, in, out;
  std::int64_t dimension = 0;
};

/// Lines "group;in;out;dimension", computed by characters: see the file's first lines.
std::vector<Row> dimension_table() {
  std::ifstream file(source_folder() + "/tests/groups/golden/dimensions.csv");
  std::vector<Row> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    Row row;
    std::string number;
    std::getline(fields, row.group, ';');
    std::getline(fields, row.in, ';');
    std::getline(fields, row.out, ';');
    std::getline(fields, number, ';');
    row.dimension = std::stoll(number);
    rows.push_back(row);
  }
  return rows;
}

TEST(InvariantBasis, DimensionsOfTheIndependentTable) {
  const auto rows = dimension_table();
  ASSERT_GE(rows.size(), 300U);
  for (const Row& row : rows)
    EXPECT_EQ(dimension(row.group, row.out, row.in), row.dimension) << row.group << " " << row.in << " -> " << row.out;
}

TEST(InvariantBasis, DimensionsOfTheIndependentTableWithoutClosedForms) {
  const BasisOptions solve{.closed_forms = false};
  int solved = 0;
  for (const Row& row : dimension_table()) {
    const MatrixGroup group = parse_group(row.group);
    const std::int64_t n =
        Representation::parse(row.in, group).dimension() * Representation::parse(row.out, group).dimension();
    if (n > 300) continue;
    ++solved;
    EXPECT_EQ(dimension(row.group, row.out, row.in, solve), row.dimension)
        << row.group << " " << row.in << " -> " << row.out;
  }
  EXPECT_GE(solved, 150);
}

TEST(InvariantBasis, PublishedDimensions) {
  struct Published {
    const char* group;
    std::array<std::int64_t, 6> dimension;  // V->V, T2->S, T2->V, T2->T2, T3->V, T3->T3; -1: not published
  };
  const std::array<std::pair<const char*, const char*>, 6> pairs{
      {{"V", "V"}, {"T2", "S"}, {"T2", "V"}, {"T2", "T2"}, {"T3", "V"}, {"T3", "T3"}}};
  for (const auto& [group, expected] : {Published{"SO(2)", {2, 2, 0, 6, 6, 20}},
                                        {"O(2)", {1, 1, 0, 3, 3, 10}},
                                        {"SO(3)", {1, 1, 1, 3, 3, 15}},
                                        {"O(3)", {1, 1, 0, 3, 3, 15}},
                                        {"SO(4)", {1, 1, 0, 4, 4, -1}},
                                        {"O(4)", {1, 1, 0, 3, 3, -1}},
                                        {"O2eR3", {2, 2, 4, 10, 10, 71}},
                                        {"SO2eR3", {3, 3, 7, 19, 19, 141}},
                                        {"SO13p", {1, 1, 0, 4, 4, 25}},
                                        {"O13", {1, 1, 0, 3, 3, 15}},
                                        {"SL(3)", {1, 0, 0, 2, -1, 6}},
                                        {"Sp(2)", {1, 1, 0, 3, -1, -1}},
                                        {"SU(2)", {1, 1, 0, 2, -1, 5}},
                                        {"Scaling(3)", {9, 0, 0, 81, -1, 729}},
                                        {"Union(SO(3),Scaling(3))", {1, 0, 0, 3, -1, 15}},
                                        {"C(4)", {2, 2, 0, 8, 8, 32}},
                                        {"D(4)", {1, 1, 0, 4, 4, 16}},
                                        {"Z(5)", {5, 5, 25, 125, -1, -1}},
                                        {"S(3)", {2, 2, 5, 14, 14, 122}},
                                        {"S(4)", {2, 2, 5, 15, 15, 187}},
                                        {"S(5)", {2, 2, 5, 15, 15, 202}},
                                        {"S(6)", {2, 2, 5, 15, 15, 203}},
                                        {"Cube", {3, 3, 12, 60, 60, 1968}},
                                        {"SE(3)", {1, 1, 2, 4, -1, -1}},
                                        {"T(3)", {4, 4, 13, 44, -1, -1}},
                                        {"RubiksCube", {9, 9, 51, -1, -1, -1}},
                                        {"RubiksCubePublished", {6, -1, -1, -1, -1, -1}}})
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      if (expected[i] < 0) continue;
      const auto [in, out] = pairs[i];
      EXPECT_EQ(dimension(group, out, in), expected[i]) << group << " " << in << " -> " << out;
    }
}

/// |C Q|, orthonormality, P^2 = P, equivariance of a random projected map under random elements.
template <class T>
void check_projector(const std::string& name, const std::string& out, const std::string& in, BasisOptions options,
                     double tolerance) {
  const MatrixGroup group = parse_group(name);
  BasisLibrary<T> library(options);
  const Representation to = Representation::parse(out, group), from = Representation::parse(in, group);
  const EquivariantMaps<T> space(to, from, library);
  EXPECT_LT(space.report().residual, 1e-12) << name << " " << in << " -> " << out << " " << space.report().solver;
  RandomSource random(11);
  MatrixOf<T> weight = random.normal_matrix<T>(to.dimension(), from.dimension());
  const MatrixOf<T> original = weight;
  space.project(weight.values);
  MatrixOf<T> again = weight;
  space.project(again.values);
  EXPECT_LT(largest_entry(again - weight), 1e-12) << name;
  // Orthogonal: <W - P W, P W> = 0.
  T overlap(0);
  for (std::size_t i = 0; i < weight.values.size(); ++i)
    overlap += conjugate(original.values[i] - weight.values[i]) * weight.values[i];
  EXPECT_LT(std::abs(overlap), 1e-11 * static_cast<double>(weight.values.size())) << name;
  for (const auto& block : space.blocks()) {
    const MatrixOf<T> q = block.basis->to_dense();
    EXPECT_LT(largest_entry(adjoint(q) * q - MatrixOf<T>::identity(q.cols)), 1e-12) << name;
  }
  for (int i = 0; i < 5; ++i) {
    const ComplexMatrix g = group.random_element(random);
    const ComplexMatrix rho_out = to.matrix(g), rho_in = from.matrix(g);
    ComplexMatrix w(weight.rows, weight.cols);
    std::ranges::copy(weight.values, w.values.begin());
    const double scale = std::max(1.0, largest_entry(rho_out * w));
    EXPECT_LT(largest_entry(rho_out * w - w * rho_in) / scale, tolerance) << name << " " << in << " -> " << out;
  }
}

TEST(InvariantBasis, ProjectorsAreOrthogonalAndEquivariant) {
  for (const bool closed : {true, false}) {
    const BasisOptions options{.closed_forms = closed};
    for (const char* name : {"O(3)", "SO(3)", "SO(4)", "S(4)", "C(5)", "D(4)", "O2eR3", "Oh", "Td", "Z(4)", "Cube",
                             "DirectProduct(SO(2),S(2))", "Union(O2eR3,Embed(O(2),3,1,2))"})
      check_projector<double>(name, "S+V+T2", "2S+V", options, 1e-11);
    for (const char* name : {"SO13p", "O13", "SL(3)", "Sp(2)", "GL(2)", "SE(2)", "Scaling(2)", "SO11p", "E(2)"})
      check_projector<double>(name, "S+V+T(1,1)", "2S+V+T(0,1)", options, 1e-9);
    for (const char* name : {"U(2)", "SU(2)", "SU(3)"})
      check_projector<Complex>(name, "V+T(1,1)", "V+T(0,2)", options, 1e-11);
  }
  check_projector<double>("SO(3)", "irrep(2)+irrep(1)", "irrep(3)+T2", {}, 1e-11);
  check_projector<double>("Td", "regular", "irrep(2)+irrep(3)+V", {}, 1e-11);
}

TEST(InvariantBasis, FiniteGroupsAverageExplicitly) {
  for (const char* name : {"D(3)", "O", "Td", "S(3)", "Cube"}) {
    const MatrixGroup group = parse_group(name);
    BasisLibrary<double> library;
    const Representation to = Representation::parse("V+S", group), from = Representation::parse("T2", group);
    const EquivariantMaps<double> space(to, from, library);
    RandomSource random(12);
    Matrix weight = random.normal_matrix<double>(to.dimension(), from.dimension());
    const Enumeration elements(group);
    ComplexMatrix mean(weight.rows, weight.cols);
    for (const ComplexMatrix& g : elements.matrices())
      mean = add_scaled(std::move(mean), Complex(1.0 / elements.group().order()),
                        adjoint(to.matrix(g)) * to_complex(weight) * from.matrix(g));
    space.project(weight.values);
    EXPECT_LT(largest_entry(to_complex(weight) - mean), 1e-12) << name;
  }
}

TEST(InvariantBasis, OrthogonalProjectorOfRankFourHasThePublishedCoefficients) {
  const MatrixGroup group = parse_group("O(3)");
  BasisLibrary<double> library;
  const auto basis = library.get(Representation::parse("T4", group).terms()[0].type, group);
  RandomSource random(13);
  std::vector<double> x(81);
  for (double& value : x) value = random.normal();
  const auto at = [&](std::size_t i, std::size_t j, std::size_t k, std::size_t l) {
    return ((i * 3 + j) * 3 + k) * 3 + l;
  };
  std::array<double, 3> sums{}, c{};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t k = 0; k < 3; ++k) {
      sums[0] += x[at(i, i, k, k)];
      sums[1] += x[at(i, k, i, k)];
      sums[2] += x[at(i, k, k, i)];
    }
  for (std::size_t a = 0; a < 3; ++a)
    for (std::size_t b = 0; b < 3; ++b) c[a] += (a == b ? 4.0 : -1.0) / 30 * sums[b];
  basis->project(x);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j)
      for (std::size_t k = 0; k < 3; ++k)
        for (std::size_t l = 0; l < 3; ++l)
          EXPECT_NEAR(x[at(i, j, k, l)],
                      c[0] * (i == j && k == l) + c[1] * (i == k && j == l) + c[2] * (i == l && j == k), 1e-13);
}

TEST(InvariantBasis, SolverOnLargerSpaces) {
  const BasisOptions solve{.closed_forms = false};
  const auto space = maps<double>("O(3)", "T3", "T3", solve);
  EXPECT_EQ(space.dimension(), 15);
  EXPECT_LT(space.report().residual, 1e-12);
  EXPECT_GT(space.report().gap, 1e-3);
  EXPECT_NE(space.report().solver.find("lanczos"), std::string::npos);
  EXPECT_EQ(maps<double>("SL(4)", "T(3)", "T(3)", solve).dimension(), 6);  // 4,096 dimensions
  EXPECT_EQ(maps<double>("I", "T3", "T2", solve).dimension(), maps<double>("I", "T4", "V", solve).dimension());
}

TEST(EquivariantMaps, LayerTotalsOfThePublishedModels) {
  const std::string hidden = "54S+18V+6T2+2T3", gated = "54S+18V+6T2+2T3+26S";
  EXPECT_EQ(dimension("O(3)", gated, "5S+5V"), 550);
  EXPECT_EQ(dimension("O2eR3", gated, "5S+5V"), 1390);
  EXPECT_EQ(dimension("O(3)", gated, hidden), 5832);
  EXPECT_EQ(dimension("O2eR3", gated, hidden), 12912);
  EXPECT_EQ(dimension("O(3)", "T2", hidden), 72);
  EXPECT_EQ(dimension("O2eR3", "T2", hidden), 292);
}

TEST(BasisLibrary, KeepsBasesOnDiskAndDetectsDamage) {
  const std::filesystem::path folder = new_folder("basis_library_test");
  std::filesystem::remove_all(folder);
  const MatrixGroup group = parse_group("SL(3)");
  const TensorType type = Representation::parse("T(2,2)", group).terms()[0].type;
  const auto fresh = BasisLibrary<double>({}, folder).get(type, group);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  ASSERT_EQ(files.size(), 1U);
  const auto equal_to_fresh = [&](const InvariantBasis<double>& other) {
    return other.rank() == fresh->rank() && other.to_dense().values == fresh->to_dense().values;
  };
  {
    BasisLibrary<double> library({}, folder);
    EXPECT_TRUE(equal_to_fresh(*library.get(type, group)));
    EXPECT_TRUE(library.notes().empty());
  }
  std::ifstream in(files[0], std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const auto with = [&](const std::string& bytes, const std::string& piece) {
    std::ofstream(files[0], std::ios::binary) << bytes;
    BasisLibrary<double> library({}, folder);
    EXPECT_TRUE(equal_to_fresh(*library.get(type, group)));
    ASSERT_EQ(library.notes().size(), 1U) << piece;
    EXPECT_NE(library.notes()[0].find(piece), std::string::npos) << library.notes()[0];
  };
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}}) with(whole.substr(0, size), "no basis file");
  with(whole.substr(0, 20), "damaged");
  with(whole.substr(0, whole.size() - 1), "damaged");
  std::string other = whole;
  other[7] = '1';
  with(other, "version 1");
  other = whole;
  other[other.size() / 2] = static_cast<char>(other[other.size() / 2] ^ 1);
  with(other, "damaged");
  std::filesystem::remove_all(folder);
}

TEST(BasisLibrary, SolvesWhereNothingCanBeReadOrWritten) {
  const std::filesystem::path folder = new_folder("basis_library_places");
  std::filesystem::remove_all(folder);
  const MatrixGroup group = parse_group("SL(3)");
  const TensorType type = Representation::parse("T(2,2)", group).terms()[0].type;
  const auto note_of = [&](const std::filesystem::path& place) {
    BasisLibrary<double> library({}, place);
    EXPECT_EQ(library.get(type, group)->rank(), 2);
    return library.notes().empty() ? std::string() : library.notes().back();
  };
  EXPECT_EQ(note_of(folder), "");
  const std::filesystem::path file = std::filesystem::directory_iterator(folder)->path();
  EXPECT_NE(note_of(file).find("not kept on disk"), std::string::npos);  // a file where a folder is wanted
  EXPECT_NE(note_of("/proc/none").find("not kept on disk"), std::string::npos);
  std::filesystem::remove(file);
  std::filesystem::create_directories(file / "full");  // a folder in the place of the file
  EXPECT_NE(note_of(folder).find("cannot be replaced"), std::string::npos);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);  // no rest of a file
  std::filesystem::remove_all(folder);
}

TEST(BasisLibrary, WritersOfOneFileDoNotDisturbEachOther) {
  const std::filesystem::path folder = new_folder("basis_library_writers");
  std::filesystem::remove_all(folder);
  const MatrixGroup group = parse_group("SL(2)");
  const TensorType type = Representation::parse("T(3,3)", group).terms()[0].type;
  std::vector<std::thread> writers;
  std::atomic<int> wrong = 0;
  for (int i = 0; i < 4; ++i)
    writers.emplace_back([&] {
      for (int k = 0; k < 10; ++k) {
        BasisLibrary<double> library({}, folder);
        const auto basis = library.get(type, group);
        if (basis->rank() != 5 || !library.notes().empty()) ++wrong;
        save_basis(folder / "shared.basis", "key", *basis);
        if (load_basis<double>(folder / "shared.basis", "key").rank() != 5) ++wrong;
      }
    });
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 2);
  std::filesystem::remove_all(folder);
}

TEST(BasisLibrary, EquallyNamedGroupsDoNotCollide) {
  const auto turned = [](double angle) {
    return MatrixGroup(
        "G", 2, std::vector<Matrix>{},
        std::vector<Matrix>{Matrix(2, 2, {std::cos(angle), std::sin(angle), std::sin(angle), -std::cos(angle)})});
  };
  BasisLibrary<double> library;
  const auto type = [](const MatrixGroup& group) { return Representation::parse("V", group).terms()[0].type; };
  const MatrixGroup first = turned(0), second = turned(1);
  const auto a = library.get(type(first), first), b = library.get(type(second), second);
  EXPECT_EQ(a->rank(), 1);
  EXPECT_EQ(b->rank(), 1);
  EXPECT_GT(largest_entry(a->to_dense() - b->to_dense()), 0.1);
}

TEST(InvariantBasis, GeneratorsThatAreRoundedIdentitiesConstrainNothing) {
  struct Case {
    const char *group, *in, *out;
    std::int64_t expected;  // the mean of the trace of rho over the group
  };
  for (const auto& [group, in, out, expected] : {Case{"C(1)", "T2", "V", 8},
                                                 {"C(1)", "T4", "T4", 256},
                                                 {"C(2)", "T2", "S", 4},
                                                 {"C(2)", "T3", "S", 0},
                                                 {"C(2)", "T4", "T4", 256},
                                                 {"Embed(C(2),3,0,1)", "T2", "T2", 41},
                                                 {"Union(C(1),C(2))", "T2", "T2", 16},
                                                 {"D(1)", "T2", "V", 4}})
    for (const bool closed_forms : {true, false})
      EXPECT_EQ(dimension(group, out, in, {.closed_forms = closed_forms}), expected)
          << group << " " << in << " " << out;
  // The same turns with the rounding left in.
  const double tiny = std::sin(2 * std::numbers::pi), pi_sine = std::sin(std::numbers::pi);
  const MatrixGroup full("full turn", 2, std::vector<Matrix>{}, {Matrix(2, 2, {1, tiny, -tiny, 1})});
  const MatrixGroup half("half turn", 2, std::vector<Matrix>{}, {Matrix(2, 2, {-1, pi_sine, -pi_sine, -1})});
  for (const char* text : {"T2", "T4", "T(8)"}) {
    const auto n = Representation::parse(text, full).dimension();
    EXPECT_EQ(invariant_basis<double>(Representation::parse(text, full).terms()[0].type, full).rank(), n) << text;
    EXPECT_EQ(invariant_basis<double>(Representation::parse(text, half).terms()[0].type, half).rank(), n) << text;
  }
  // Small generators are no rounding.
  const MatrixGroup slow("slow", 2, {Matrix(2, 2, {0, -1e-9, 1e-9, 0})}, {});
  EXPECT_EQ(invariant_basis<double>(Representation::parse("T2", slow).terms()[0].type, slow).rank(), 2);
}

TEST(InvariantBasis, HostileInput) {
  expect_error([] { (void)maps<double>("U(2)", "V", "V"); }, "invariant_basis", {"complex"});
  const MatrixGroup group = parse_group("SL(4)");
  const TensorType large = Representation::parse("T(9,9)", group).terms()[0].type;
  expect_error([&] { (void)invariant_basis<double>(large, group, {.closed_forms = false}); }, "null_space",
               {"GB", "memory limit"});
  const MatrixGroup rubik = parse_group("RubiksCube");
  expect_error([&] { (void)invariant_basis<double>(Representation::parse("T8", rubik).terms()[0].type, rubik); },
               "invariant_basis", {"memory limit"});
  expect_error([] { (void)maps<double>("SO(3)", "1000000V", "1000000V"); }, "EquivariantMaps", {"blocks", "2e7"});
  // Nearly invariant directions: rotations by 1e-7, neither the identity nor clearly not.
  const double c = std::cos(1e-6), s = std::sin(1e-6);
  const MatrixGroup nearly("nearly", 2, std::vector<Matrix>{Matrix(2, 2, {0, 0, 0, 1})},
                           std::vector<Matrix>{Matrix(2, 2, {c, -s, s, c})});
  expect_error([&] { (void)invariant_basis<double>(Representation::parse("V", nearly).terms()[0].type, nearly); },
               "null_space", {"neither 0 nor clearly not"});
}

}  // namespace
}  // namespace orbitgrad::groups
