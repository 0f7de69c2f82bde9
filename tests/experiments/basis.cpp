// orbitgrad basis and orbitgrad groups.
#include "engine/io/npy.hpp"
#include "tests/experiments/program_support.hpp"

namespace orbitgrad::experiments {
namespace {

TEST(BasisCommand, PrintsDimensionSolverResidualAndSaves) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "q.npy";
  const auto result = run_program({"basis", "--group", "SO(3)", "--in", "T2", "--out", "T2", "--save", file});
  ASSERT_EQ(result.code, 0) << result.error;
  expect_contains(result.out, "dimension 3 of 81, solver invariant theory, residual ");
  const std::vector<double> q = load_npy(file).to_vector<double>();
  ASSERT_EQ(load_npy(file).shape(), (Shape{81, 3}));
  for (std::size_t a = 0; a < 3; ++a)
    for (std::size_t b = 0; b < 3; ++b) {
      double overlap = 0;
      for (std::size_t i = 0; i < 81; ++i) overlap += q[3 * i + a] * q[3 * i + b];
      EXPECT_NEAR(overlap, a == b, 1e-12);
    }
  const auto cached = [&] {
    return run_program({"basis", "--group", "SL(3)", "--in", "T2", "--out", "T2", "--solve", "--cache", folder.path()});
  };
  expect_contains(cached().out, "dimension 2 of 81, solver dense");
  const auto again = cached();
  expect_contains(again.out, "dimension 2 of 81, solver dense");
  EXPECT_EQ(again.out.find("note:"), std::string::npos);
}

TEST(BasisCommand, HostileWords) {
  const auto fails = [](const std::vector<std::string>& words, const std::string& part) {
    const auto result = run_program(words);
    EXPECT_EQ(result.code, 1) << part;
    expect_contains(result.error, part);
  };
  fails({"basis", "--group", "SO(3", "--in", "V", "--out", "V"}, "\n  SO(3\n      ^");
  fails({"basis", "--group", "SO(3)", "--in", "V+W", "--out", "V"}, "\n  V+W\n    ^");
  fails({"basis", "--group", "SO(3)", "--in", "T9", "--out", "T9", "--solve"}, "memory limit");
  fails({"basis", "--group", "SE(3)", "--in", "T(60)", "--out", "T(60)"}, "2^62");
  fails({"basis", "--group", "SO(3)", "--in", "V", "--out", "V", "--save", "/no/such/folder/q.npy"}, "/no/such/folder");
  EXPECT_EQ(run_program({"basis", "--group", "SO(3)"}).code, 2);
}

TEST(GroupsCommand, ListsGroups) {
  const auto result = run_program({"groups"});
  EXPECT_EQ(result.code, 0);
  for (const char* name : {"SO(n)", "RubiksCube", "Union(G,H,..)", "Ih"}) expect_contains(result.out, name);
}

}  // namespace
}  // namespace orbitgrad::experiments
