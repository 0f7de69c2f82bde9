// The synthetic tasks have the symmetry they claim, and the command trains on them.
#include "experiments/emlp_tasks.hpp"

#include <cmath>

#include "engine/ops/creation.hpp"
#include "engine/philox_source.hpp"
#include "groups/group_catalogue.hpp"
#include "tests/experiments/program_support.hpp"

namespace orbitgrad::experiments {
namespace {

TEST(EmlpTasks, TargetsAreReproducibleAndHaveTheirMoments) {
  for (const EquivariantTask& task : equivariant_tasks()) {
    const auto a = sample_task(task, 64, RandomKey{1}), b = sample_task(task, 64, RandomKey{1});
    EXPECT_EQ(a.targets.to_vector<double>(), b.targets.to_vector<double>());
    EXPECT_NE(a.targets.to_vector<double>(), sample_task(task, 64, RandomKey{2}).targets.to_vector<double>());
  }
  // The moment of inertia by hand: symmetric, and its trace is 2 sum m r^2.
  const auto inertia = sample_task(equivariant_task("inertia"), 8, RandomKey{3});
  const auto x = inertia.inputs.to_vector<double>(), y = inertia.targets.to_vector<double>();
  for (std::size_t n = 0; n < 8; ++n) {
    double expected = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      EXPECT_GT(x[20 * n + i], 0);
      for (std::size_t k = 0; k < 3; ++k) expected += 2 * x[20 * n + i] * std::pow(x[20 * n + 5 + 3 * i + k], 2);
    }
    EXPECT_NEAR(y[9 * n] + y[9 * n + 4] + y[9 * n + 8], expected, 1e-10 * expected);
    EXPECT_EQ(y[9 * n + 1], y[9 * n + 3]);
  }
  EXPECT_THROW((void)equivariant_task("o6"), Error);
}

TEST(EmlpTasks, FormulasAreEquivariant) {
  for (const EquivariantTask& task : equivariant_tasks()) {
    const auto group = groups::parse_group(task.group);
    const auto in = groups::Representation::parse(task.in, group), out = groups::Representation::parse(task.out, group);
    groups::RandomSource random = philox_source(RandomKey{4});
    const RegressionSamples samples = sample_task(task, 4, RandomKey{5});
    std::vector<double> x = samples.inputs.to_vector<double>(), y = samples.targets.to_vector<double>();
    const groups::ComplexMatrix g = group.random_element(random);
    const auto in_size = static_cast<std::size_t>(in.dimension()), out_size = static_cast<std::size_t>(out.dimension());
    for (std::size_t i = 0; i < 4; ++i) {
      in.apply<double>(g, std::span(x).subspan(i * in_size, in_size));
      out.apply<double>(g, std::span(y).subspan(i * out_size, out_size));
    }
    const auto moved = task_targets(task, from_vector(x, {4, in.dimension()})).to_vector<double>();
    for (std::size_t k = 0; k < y.size(); ++k) EXPECT_NEAR(moved[k], y[k], 1e-9 * (1 + std::abs(y[k]))) << task.name;
  }
}

TEST(EmlpTasks, CommandTrainsBothModelsAndReports) {
  const TemporaryFolder folder;
  for (const std::string model : {"emlp", "mlp"}) {
    const std::vector<std::string> words{
        "train",      "emlp-inertia", "--model",      model, "--train-count",      "64", "--epochs", "2",
        "--channels", "20",           "--test-count", "32",  "--validation-count", "32", "--out",    folder.path()};
    const auto result = run_program(words);
    ASSERT_EQ(result.code, 0) << result.error;
    expect_contains(result.out, "test MSE");
    expect_contains(run_program(words).error, folder.path());  // the folder has a run
  }
  EXPECT_EQ(run_program({"train", "emlp-o5", "--model", "emlpp", "--out", folder.path()}).code, 2);
  EXPECT_EQ(run_program({"train", "emlp-o5", "--group", "SO(3)", "--out", folder.path()}).code, 1);
  EXPECT_EQ(run_program({"train", "emlp-o5", "--lr", "-1", "--out", folder.path()}).code, 2);
}

}  // namespace
}  // namespace orbitgrad::experiments
