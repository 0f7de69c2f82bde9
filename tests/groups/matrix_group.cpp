// Matrix groups: generators, algebra, Haar measure, enumeration, orders.
#include "groups/matrix_group.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "groups/classical_groups.hpp"
#include "groups/enumeration.hpp"
#include "groups/finite_matrix_groups.hpp"
#include "groups/group_catalogue.hpp"
#include "groups/haar.hpp"
#include "groups/lie_algebra.hpp"
#include "groups/linear_algebra.hpp"
#include "tests/groups/group_zoo.hpp"

namespace orbitgrad::groups {
namespace {

TEST(MatrixGroup, GeneratorCountsOfTheClassicalGroups) {
  const auto counts = [](const std::string& name) {
    const MatrixGroup group = parse_group(name);
    return std::array<std::size_t, 3>{static_cast<std::size_t>(group.dimension()), group.lie_generators().size(),
                                      group.discrete_generators().size()};
  };
  using Counts = std::array<std::size_t, 3>;
  EXPECT_EQ(counts("SO(5)"), (Counts{5, 10, 0}));
  EXPECT_EQ(counts("O(4)"), (Counts{4, 6, 1}));
  EXPECT_EQ(counts("Sp(3)"), (Counts{6, 21, 0}));
  EXPECT_EQ(counts("SL(4)"), (Counts{4, 15, 0}));
  EXPECT_EQ(counts("GL(3)"), (Counts{3, 9, 0}));
  EXPECT_EQ(counts("U(3)"), (Counts{3, 9, 0}));
  EXPECT_EQ(counts("SU(4)"), (Counts{4, 15, 0}));
  EXPECT_EQ(counts("O13"), (Counts{4, 6, 2}));
  EXPECT_EQ(counts("SE(3)"), (Counts{4, 6, 0}));
  EXPECT_EQ(counts("E(3)"), (Counts{4, 6, 1}));
  EXPECT_EQ(counts("S(7)"), (Counts{7, 0, 6}));
  EXPECT_EQ(counts("ZksZnxZn(4,3)"), (Counts{36, 0, 3}));
  EXPECT_EQ(counts("Union(SO(3),Scaling(3))"), (Counts{3, 4, 0}));
  EXPECT_EQ(counts("DirectProduct(SO(3),S(4))"), (Counts{12, 3, 3}));
  EXPECT_EQ(counts("Embed(O(2),3,0,2)"), (Counts{3, 1, 1}));
}

TEST(MatrixGroup, AlgebrasCloseAndHaveTheirDimension) {
  for (const char* name : {"SO(4)", "SO13p", "Sp(2)", "SL(3)", "GL(3)", "U(3)", "SU(3)", "SE(3)", "T(3)", "SO(5)"}) {
    const MatrixGroup group = parse_group(name);
    EXPECT_LT(closure_residual(group.lie_generators()), 1e-12) << name;
    EXPECT_TRUE(LinearSpan(group.lie_generators()).independent()) << name;
    EXPECT_EQ(generated_algebra(group.lie_generators()).size(), group.lie_generators().size()) << name;
  }
  const MatrixGroup two = parse_group("Union(Embed(SO(2),3,0,1),Embed(SO(2),3,1,2))");
  EXPECT_GT(closure_residual(two.lie_generators()), 0.1);
  EXPECT_EQ(generated_algebra(two.lie_generators()).size(), 3U);  // so(3)
  expect_error([&] { (void)structure_constants(two); }, "structure_constants",
               {"do not close", "outside their span by"});
}

TEST(MatrixGroup, StructureConstantsAndKillingForm) {
  for (const char* name : {"SO(4)", "SU(3)", "SL(3)", "SO13p", "SE(3)"}) {
    const MatrixGroup group = parse_group(name);
    const auto a = group.lie_generators();
    const std::size_t count = a.size();
    const auto f = structure_constants(group);
    double residual = 0, jacobi = 0;
    const auto at = [&](std::size_t i, std::size_t j, std::size_t k) { return f[(i * count + j) * count + k]; };
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t j = 0; j < count; ++j) {
        ComplexMatrix rest = bracket(a[i], a[j]);
        for (std::size_t k = 0; k < count; ++k) rest = add_scaled(std::move(rest), Complex(-at(i, j, k)), a[k]);
        residual = std::max(residual, frobenius_norm(rest));
        for (std::size_t k = 0; k < count; ++k)
          for (std::size_t l = 0; l < count; ++l) {
            double sum = 0;
            for (std::size_t m = 0; m < count; ++m)
              sum += at(i, j, m) * at(m, k, l) + at(j, k, m) * at(m, i, l) + at(k, i, m) * at(m, j, l);
            jacobi = std::max(jacobi, std::abs(sum));
          }
      }
    EXPECT_LT(residual, 1e-12) << name;
    EXPECT_LT(jacobi, 1e-11) << name;
  }
  const auto so3 = hermitian_eigen(killing_form(parse_group("SO(3)"))).values;
  for (const double value : so3) EXPECT_NEAR(value, -2, 1e-12);
  const auto su3 = hermitian_eigen(killing_form(parse_group("SU(3)"))).values;
  EXPECT_LT(su3.back(), -0.1);  // compact and semisimple
  const auto lorentz = hermitian_eigen(killing_form(parse_group("SO13p"))).values;
  EXPECT_EQ(std::ranges::count_if(lorentz, [](double v) { return v > 0.1; }), 3);  // the boosts
  const auto se3 = hermitian_eigen(killing_form(parse_group("SE(3)"))).values;
  EXPECT_EQ(std::ranges::count_if(se3, [](double v) { return std::abs(v) < 1e-12; }), 3);  // translations
}

TEST(MatrixGroup, RandomElementsKeepTheDefiningForm) {
  RandomSource random(1);
  for (const auto& entry : group_catalogue()) {
    if (entry.usage.find_first_of("(") != std::string::npos) continue;
    const MatrixGroup group = parse_group(entry.usage);
    if (group.dimension() > 10) continue;
    const ComplexMatrix g = group.random_element(random);
    EXPECT_GT(std::abs(determinant(g)), 1e-6) << entry.usage;
  }
  for (const char* name : {"SO13p", "SO13", "O13", "O11", "SO11p", "Sp(2)", "O(4)", "SO(3)"}) {
    const MatrixGroup group = parse_group(name);
    const ComplexMatrix form = to_complex(*group.structure().fundamental->form);
    for (int i = 0; i < 5; ++i) {
      const ComplexMatrix g = group.random_element(random);
      EXPECT_LT(largest_entry(transpose(g) * form * g - form), 1e-10) << name;
    }
  }
  for (const char* name : {"U(3)", "SU(3)"}) {
    const ComplexMatrix g = parse_group(name).random_element(random);
    EXPECT_LT(largest_entry(adjoint(g) * g - ComplexMatrix::identity(3)), 1e-12) << name;
  }
  const ComplexMatrix special = parse_group("SU(3)").random_element(random);
  EXPECT_LT(std::abs(determinant(special) - 1.0), 1e-12);
}

TEST(MatrixGroup, ExponentialAndLogarithmAreInverse) {
  RandomSource random(2);
  for (const char* name : {"SO(3)", "SU(3)", "SE(3)", "SO13p", "SL(3)"}) {
    const MatrixGroup group = parse_group(name);
    ComplexMatrix algebra(group.dimension(), group.dimension());
    for (const ComplexMatrix& a : group.lie_generators())
      algebra = add_scaled(algebra, Complex(0.2 * random.normal()), a);
    EXPECT_LT(largest_entry(logarithm(exponential(algebra)) - algebra), 1e-11) << name;
  }
  EXPECT_THROW(static_cast<void>(logarithm(ComplexMatrix(3, 3))), Error);
}

/// Mean of |tr g|^2 and of (tr g)^2: 1 for an irreducible V, and 1 if it is real, else 0.
TEST(Haar, MomentsOfTheTrace) {
  struct Case {
    const char* name;
    double modulus, square;
  };
  for (const auto& [name, modulus, square] : {Case{"SO(3)", 1, 1},
                                              {"O(4)", 1, 1},
                                              {"U(2)", 1, 0},
                                              {"SU(2)", 1, 1},
                                              {"SU(3)", 1, 0},
                                              {"S(5)", 2, 2},
                                              {"O", 1, 1},
                                              {"Embed(O(2),3,0,1)", 2, 2},
                                              {"DirectProduct(O(2),SO(3))", 1, 1}}) {
    const MatrixGroup group = parse_group(name);
    RandomSource random(3);
    const bool small = std::string(name) == "O";
    const int count = small ? 300 : 3000;
    double mean_modulus = 0;
    Complex mean_square = 0;
    for (int i = 0; i < count; ++i) {
      const Complex t = trace(haar_sample(group, random));
      mean_modulus += std::norm(t) / count;
      mean_square += t * t / static_cast<double>(count);
    }
    const double tolerance = small ? 0.35 : 0.2;
    EXPECT_NEAR(mean_modulus, modulus, tolerance) << name;
    EXPECT_NEAR(mean_square.real(), square, tolerance) << name;
    EXPECT_NEAR(mean_square.imag(), 0, tolerance) << name;
  }
  RandomSource random(4);
  expect_error([&] { (void)haar_sample(parse_group("SO13p"), random); }, "haar_sample", {"not compact"});
}

TEST(Enumeration, OrdersAndProducts) {
  const std::vector<std::pair<std::string, int>> orders{{"O", 24},    {"Oh", 48},   {"T", 12},   {"Td", 24},
                                                        {"I", 60},    {"Ih", 120},  {"C(7)", 7}, {"D(6)", 12},
                                                        {"Cube", 24}, {"S(4)", 24}, {"Z(5)", 5}, {"ZksZnxZn(4,2)", 16}};
  for (const auto& [name, order] : orders) {
    const Enumeration elements(parse_group(name));
    ASSERT_EQ(elements.group().order(), order) << name;
    RandomSource random(5);
    for (int i = 0; i < 20; ++i) {
      const auto a = static_cast<int>(random.below(order)), b = static_cast<int>(random.below(order));
      const auto matrix = [&](int s) { return elements.matrices()[static_cast<std::size_t>(s)]; };
      EXPECT_LT(largest_entry(matrix(elements.group().product(a, b)) - matrix(a) * matrix(b)), 1e-9) << name;
      EXPECT_EQ(elements.index_of(matrix(a)), a);
    }
  }
  expect_error([] { Enumeration{parse_group("SO(2)")}; }, "Enumeration", {"Lie algebra"});
  const double angle = 1;  // radian: of infinite order
  const MatrixGroup irrational(
      "irrational", 2, std::vector<Matrix>{},
      std::vector<Matrix>{Matrix(2, 2, {std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle)})});
  expect_error([&] { Enumeration{irrational}; }, "Enumeration", {"more than 5040", "infinitely"});
}

double order_of(const std::vector<Permutation>& generators) {
  double order = 1;
  for (const std::int64_t length : stabilizer_chain(generators)) order *= static_cast<double>(length);
  return order;
}

TEST(RubiksCube, OrdersOfThePhysicalAndThePublishedGroup) {
  EXPECT_DOUBLE_EQ(order_of(rubiks_cube_turns()), 43252003274489856000.0);
  EXPECT_NEAR(order_of(published_rubiks_cube_turns()) / 192478109606665638469868501076483558604800000000.0, 1, 1e-12);
  for (const Permutation& turn : rubiks_cube_turns()) {
    EXPECT_EQ(turn.order(), 4);
    EXPECT_EQ(turn.cycles().size(), 5U);
  }
  // The commutator of two neighbouring turns has order 6, and U then R has order 105.
  const auto turns = rubiks_cube_turns();
  EXPECT_EQ((turns[0] * turns[2]).order(), 105);
  EXPECT_EQ((turns[0] * turns[2] * turns[0].inverse() * turns[2].inverse()).order(), 6);
  EXPECT_EQ(order_of({Permutation({1, 2, 3, 4, 5, 6, 0}), Permutation({1, 0, 2, 3, 4, 5, 6})}), 5040);
}

TEST(MatrixGroup, HostileGenerators) {
  const auto make = [](std::int64_t d, std::vector<Matrix> lie, std::vector<Matrix> discrete) {
    return [=] { MatrixGroup("G", d, lie, discrete); };
  };
  expect_error(make(2, {Matrix(2, 2), Matrix(3, 3)}, {}), "MatrixGroup", {"Lie algebra generator 1", "[3, 3]"});
  expect_error(make(2, {Matrix(2, 3)}, {}), "MatrixGroup", {"[2, 3]", "square"});
  expect_error(make(2, {}, {Matrix(2, 2, {1, 0, std::nan(""), 1})}), "MatrixGroup", {"(1, 0)", "not finite"});
  expect_error(make(2, {}, {Matrix(2, 2, {1, 1, 1, 1})}), "MatrixGroup", {"discrete generator 0 is singular"});
  expect_error(make(0, {}, {}), "MatrixGroup", {"dimension 0"});
  expect_error([] { (void)semidirect_product(homogeneous_rotations(2), translations(2)); }, "semidirect_product",
               {"does not normalize", "residual"});
  expect_error([] { (void)embedded(special_orthogonal(2), 3, {0, 3}); }, "embedded", {"coordinate 3"});
  expect_error([] { (void)generated_by({special_orthogonal(2), special_orthogonal(3)}); }, "generated_by", {"SO(3)"});
  expect_error([] { (void)parse_group("Union(SO(3),Scalig(3))"); }, "parse_group",
               {"Scalig", "character 13", "\n              ^"});
  expect_error([] { (void)parse_group("SO(3"); }, "parse_group", {"expected ')'"});
  expect_error([] { (void)parse_group("SO(3))"); }, "parse_group", {"expected the end"});
  expect_error([] { (void)parse_group("SO(3,4)"); }, "parse_group", {"SO(n)"});
  expect_error([] { (void)parse_group("O(99999999999999999999)"); }, "parse_group", {"too large"});
  expect_error([] { (void)parse_group(""); }, "parse_group", {"expected a name"});
  std::string nested = "SO(2)";
  for (int i = 0; i < 30; ++i) nested = "Union(" + nested + ")";
  expect_error([&] { (void)parse_group(nested); }, "parse_group", {"more than 20 groups"});
  EXPECT_THROW((void)parse_group("SO(65)"), Error);
  EXPECT_THROW((void)parse_group("Sp(33)"), Error);
  expect_error([] { (void)parse_group("SO(-1)"); }, "parse_group", {"expected a name"});
}

}  // namespace
}  // namespace orbitgrad::groups
