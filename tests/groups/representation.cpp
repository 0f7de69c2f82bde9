#include "groups/representation.hpp"

#include <gtest/gtest.h>

#include "groups/angular_momentum.hpp"
#include "groups/equivariant_maps.hpp"
#include "groups/group_catalogue.hpp"
#include "groups/haar.hpp"
#include "groups/lie_algebra.hpp"
#include "groups/linear_algebra.hpp"
#include "groups/subgroup.hpp"
#include "tests/groups/group_zoo.hpp"

namespace orbitgrad::groups {
namespace {

Representation parse(const std::string& text, const std::string& group) {
  return Representation::parse(text, parse_group(group));
}

TEST(Representation, ParsesAndPrints) {
  struct Case {
    const char *text, *group, *printed;
    std::int64_t dimension;
  };
  for (const auto& [text, group, printed, dimension] :
       {Case{"5T(0)+5T(1)", "O(3)", "5T(0)+5T(1)", 20},
        {"5S+5V", "O(3)", "5T(0)+5T(1)", 20},
        {"T2", "SO(3)", "T(2)", 9},
        {"V*V", "SO(3)", "T(2)", 9},
        {"V**V", "SL(3)", "dual(V)*V", 9},
        {"V*V*", "SL(3)", "T(1,1)", 9},
        {"V*", "SO(3)", "T(1)", 3},
        {"dual(2V+T(1,1))", "SL(3)", "2T(0,1)+dual(V)*V", 15},
        {"(S+V)*(S+V)", "O(3)", "T(0)+2T(1)+T(2)", 16},
        {"3*V + 4", "O(3)", "3T(1)+4T(0)", 13},
        {"2(S+V)", "O(3)", "T(0)+T(1)+T(0)+T(1)", 8},
        {"irrep(2)+3irrep(1')", "O(3)", "irrep(2)+3irrep(1')", 14},
        {"irrep(0o)+irrep(3)", "O(2)", "irrep(0o)+irrep(3)", 3},
        {"regular+quotient(1)+irrep(0)", "C(4)", "regular+quotient(1)+irrep(0)", 6}}) {
    const Representation rep = parse(text, group);
    EXPECT_EQ(rep.to_string(), printed) << text;
    EXPECT_EQ(rep.dimension(), dimension) << text;
    EXPECT_EQ(parse(rep.to_string(), group).to_string(), printed) << text;
  }
}

TEST(Representation, HostileText) {
  const auto bad = [](const std::string& text, const std::vector<std::string>& pieces, const char* group = "O(3)") {
    expect_error([&] { (void)parse(text, group); }, "Representation::parse", pieces);
  };
  bad("5T(0)+5Q(1)", {"called Q", "character 8", "\n  5T(0)+5Q(1)\n         ^"});
  bad("T(1", {"expected ')'"});
  bad("", {"expected a name"});
  bad("V+", {"expected a name", "character 3"});
  bad("T(63)", {"above 62"});
  bad("V)", {"expected the end"});
  bad("99999999999V", {"too large"});
  bad(std::string(10000, '(') + "V", {"more than 50 brackets"});
  EXPECT_THROW(parse("1000000(S+V)", "O(3)"), Error);
  EXPECT_THROW(parse("T(41)", "O(3)"), Error);  // 3^41 > 2^62
  EXPECT_THROW(parse("regular", "SO(2)"), Error);
  EXPECT_THROW(parse("irrep(9)", "SO(3)"), Error);
  EXPECT_THROW(parse("irrep(7)", "C(4)"), Error);
  EXPECT_THROW(parse("quotient(9)", "C(4)"), Error);
  EXPECT_THROW(parse("regular", "RubiksCube"), Error);
}

/// rho(g h) = rho(g) rho(h), and the derivative of rho(exp(t A)) at 0 is drho(A).
TEST(Representation, AtomsAreHomomorphisms) {
  for (const auto& [text, name] : std::vector<std::pair<std::string, std::string>>{
           {"V+T(0,1)+T(1,1)", "SL(3)"},
           {"V+T(0,2)", "SU(3)"},
           {"irrep(0)+irrep(1)+irrep(2')+irrep(3)+irrep(4)+irrep(8')+irrep(7)", "O(3)"},
           {"irrep(0o)+irrep(0)+irrep(1)+irrep(5)", "O(2)"},
           {"regular+quotient(2)+irrep(1)+irrep(2)+induced(1,1)", "D(4)"},
           {"regular+irrep(3)+V", "Td"},
           {"irrep(3)+irrep(1')+V", "Embed(O(2),3,0,1)"}}) {
    const Representation rep = parse(text, name);
    RandomSource random(7);
    for (int i = 0; i < 5; ++i) {
      const ComplexMatrix g = rep.group().random_element(random), h = rep.group().random_element(random);
      const ComplexMatrix left = rep.matrix(g * h), right = rep.matrix(g) * rep.matrix(h);
      EXPECT_LT(largest_entry(left - right) / largest_entry(left), 1e-11) << text;
      EXPECT_LT(std::abs(rep.character(g) - trace(rep.matrix(g))), 1e-9) << text;
    }
    for (const ComplexMatrix& a : rep.group().lie_generators())
      for (const auto& term : rep.terms())
        for (const AtomPointer& atom : term.type.factors()) {
          const double step = 1e-4;
          const ComplexMatrix difference = scaled(atom->element(exponential(scaled(a, Complex(step)))) -
                                                      atom->element(exponential(scaled(a, Complex(-step)))),
                                                  Complex(0.5 / step));
          EXPECT_LT(largest_entry(difference - atom->algebra(a)), 1e-5) << atom->name;
        }
  }
}

std::int64_t map_dimension(const Representation& out, const Representation& in) {
  BasisLibrary<double> library;
  return EquivariantMaps<double>(out, in, library).dimension();
}

TEST(Representation, RestrictionToSubgroups) {
  // Order l falls apart into m = 0 and pairs +-m under rotations about z, and the pairs stay whole under O(2).
  for (std::int64_t l = 0; l <= 4; ++l) {
    const Representation rep = parse(fmt::format("irrep({})", l), "O(3)");
    const auto about_z = rep.restricted_to(parse_group("SO2eR3")),
               with_mirror = rep.restricted_to(parse_group("O2eR3"));
    EXPECT_EQ(map_dimension(about_z, about_z), 1 + 2 * l);
    EXPECT_EQ(map_dimension(with_mirror, with_mirror), 1 + l);
  }
  const auto cube = parse("irrep(4)", "O(3)").restricted_to(parse_group("O"));
  EXPECT_EQ(map_dimension(cube, Representation::parse("S", cube.group())), 1);  // the cubic harmonic
  EXPECT_EQ(map_dimension(cube, cube), 4);                                      // A1 + E + T1 + T2
  EXPECT_THROW((void)cube.restricted_to(parse_group("SO(2)")), Error);
}

TEST(Representation, InducedRepresentationsObeyFrobenius) {
  // Maps from an induced representation to rho are those from its seed to rho restricted to the subgroup.
  const MatrixGroup group = parse_group("Td");
  const Enumeration elements(group);
  for (const int s : {1, 2, 5}) {
    for (const int k : {0, 1}) {
      const std::string induced = fmt::format("induced({},{})", k, s);
      // The irreps of the subgroup as it is numbered inside the group.
      const Subgroup same = Subgroup::generated(elements.group(), std::vector<int>{s});
      const std::vector<Irrep> seeds = irreps<double>(same.group());
      if (k >= static_cast<int>(seeds.size())) continue;
      const auto degree = seeds[static_cast<std::size_t>(k)].degree;
      for (const char* rho : {"V", "T2", "regular", "irrep(2)"}) {
        const Representation whole = Representation::parse(rho, group), from = Representation::parse(induced, group);
        EXPECT_EQ(from.dimension(), degree * same.index());
        std::vector<double> character;
        for (const int g : same.embedding())
          character.push_back(whole.character(elements.matrices()[static_cast<std::size_t>(g)]).real());
        const auto expected = character_inner_product(seeds[static_cast<std::size_t>(k)].character, character);
        EXPECT_NEAR(static_cast<double>(map_dimension(whole, from)), expected, 1e-9) << rho << " " << induced;
      }
    }
  }
}

TEST(AngularMomentum, WignerMatricesAndHarmonics) {
  RandomSource random(8);
  const MatrixGroup group = parse_group("SO(3)");
  const Matrix to_yzx(3, 3, {0, 1, 0, 0, 0, 1, 1, 0, 0});
  for (int i = 0; i < 10; ++i) {
    const Matrix g = real_part(haar_sample(group, random));
    EXPECT_LT(largest_entry(wigner_d(1, g) - to_yzx * g * transpose(to_yzx)), 1e-12);
    std::array<double, 3> x{random.normal(), random.normal(), random.normal()}, moved{};
    const double size = std::hypot(x[0], x[1], x[2]);
    for (double& value : x) value /= size;
    for (std::size_t r = 0; r < 3; ++r)
      for (std::size_t c = 0; c < 3; ++c)
        moved[r] += g(static_cast<std::int64_t>(r), static_cast<std::int64_t>(c)) * x[c];
    for (std::int64_t l = 0; l <= 8; ++l) {
      const Matrix d = wigner_d(l, g);
      EXPECT_LT(largest_entry(d * transpose(d) - Matrix::identity(2 * l + 1)), 1e-12);
      const auto y = spherical_harmonics(l, x);
      const Matrix turned = d * Matrix(2 * l + 1, 1, y);
      const auto expected = spherical_harmonics(l, moved);
      for (std::int64_t m = 0; m <= 2 * l; ++m)
        EXPECT_NEAR(turned(m, 0), expected[static_cast<std::size_t>(m)], 1e-11) << l;
    }
  }
  // Y^1 is the direction, and Y^2 at z has one entry.
  const auto vector = spherical_harmonics(1, {0.6, 0, 0.8});
  EXPECT_NEAR(vector[0], 0, 1e-12);
  EXPECT_NEAR(vector[1], std::sqrt(3) * 0.8, 1e-12);
  EXPECT_NEAR(vector[2], std::sqrt(3) * 0.6, 1e-12);
  // Half turns, where Euler angles degenerate.
  for (const auto& diagonal : {std::array<double, 3>{1, -1, -1}, {-1, 1, -1}, {-1, -1, 1}, {1, 1, 1}}) {
    Matrix g(3, 3);
    for (std::int64_t k = 0; k < 3; ++k) g(k, k) = diagonal[static_cast<std::size_t>(k)];
    EXPECT_LT(largest_entry(wigner_d(1, g) - to_yzx * g * transpose(to_yzx)), 1e-12);
    EXPECT_LT(largest_entry(wigner_d(5, g) * wigner_d(5, g) - Matrix::identity(11)), 1e-12);
  }
  expect_error([] { (void)wigner_d(2, scaled(Matrix::identity(3), -1.0)); }, "wigner_d", {"no rotation"});
  expect_error([] { (void)wigner_d(9, Matrix::identity(3)); }, "wigner_d", {"order 9"});
}

TEST(AngularMomentum, ClebschGordanCoefficientsCouple) {
  RandomSource random(9);
  const Matrix g = real_part(haar_sample(parse_group("SO(3)"), random));
  for (std::int64_t l1 = 0; l1 <= 4; ++l1)
    for (std::int64_t l2 = 0; l2 <= 4; ++l2) {
      const Matrix both = kronecker(wigner_d(l1, g), wigner_d(l2, g));
      for (std::int64_t l3 = std::abs(l1 - l2); l3 <= l1 + l2; ++l3) {
        const Matrix c = clebsch_gordan(l1, l2, l3);
        EXPECT_LT(largest_entry(transpose(c) * c - Matrix::identity(2 * l3 + 1)), 1e-12) << l1 << l2 << l3;
        EXPECT_LT(largest_entry(both * c - c * wigner_d(l3, g)), 1e-12) << l1 << l2 << l3;
      }
    }
  const Matrix c = clebsch_gordan(8, 8, 8);
  EXPECT_LT(largest_entry(transpose(c) * c - Matrix::identity(17)), 1e-11);
  expect_error([] { (void)clebsch_gordan(1, 1, 3); }, "clebsch_gordan", {"0 .. 2"});
}

}  // namespace
}  // namespace orbitgrad::groups
