// The synthetic tasks have the symmetry they claim, and the command trains on them.
#include "experiments/emlp_tasks.hpp"

#include <chrono>
#include <cmath>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/philox_source.hpp"
#include "experiments/run_directory.hpp"
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

TEST(EmlpTasks, StandardizedSamplesHaveUnitMomentsAndTheSymmetryOfTheTask) {
  for (const EquivariantTask& task : equivariant_tasks()) {
    const auto group = groups::parse_group(task.group);
    const auto in = groups::Representation::parse(task.in, group);
    const RegressionSamples raw = sample_task(task, 200, RandomKey{6});
    const Standardization standard = standardization(task, raw);
    const RegressionSamples samples = standard.samples(raw, DType::float64);
    if (!task.standardized) {
      EXPECT_EQ(samples.inputs.to_vector<double>(), raw.inputs.to_vector<double>());
      EXPECT_EQ(samples.targets.to_vector<double>(), raw.targets.to_vector<double>());
      continue;
    }
    EXPECT_NEAR(mean(samples.targets).item(), 0, 1e-12);
    EXPECT_NEAR(variance(samples.targets).item(), 1, 1e-12);
    const std::int64_t d = group.dimension();
    for (std::int64_t vector = 0; vector < in.dimension(); vector += d) {
      const Tensor x = narrow(samples.inputs, 1, vector, d);
      EXPECT_NEAR(mean(x * x).item(), 1, 1e-12);
    }
    groups::RandomSource random = philox_source(RandomKey{7});
    const groups::ComplexMatrix g = group.random_element(random);
    std::vector<double> x = narrow(raw.inputs, 0, 0, 1).to_vector<double>();
    std::vector<double> scaled = narrow(samples.inputs, 0, 0, 1).to_vector<double>();
    in.apply<double>(g, x);
    in.apply<double>(g, scaled);
    const auto moved = standard.inputs(from_vector(x, {1, in.dimension()}), DType::float64).to_vector<double>();
    for (std::size_t k = 0; k < x.size(); ++k) EXPECT_NEAR(moved[k], scaled[k], 1e-12 * (1 + std::abs(scaled[k])));
  }
  EXPECT_EQ(
      standardization(equivariant_task("o5"), sample_task(equivariant_task("o5"), 1, RandomKey{8})).target_deviation,
      1);
}

TEST(EmlpTasks, KilledRunsGoOnToTheSameBits) {
  const TemporaryFolder folder;
  const auto words = [&](const std::string& name, const std::vector<std::string>& more) {
    std::vector<std::string> all{"train",
                                 "emlp-particle",
                                 "--train-count",
                                 "96",
                                 "--batch",
                                 "32",
                                 "--epochs",
                                 "120",
                                 "--channels",
                                 "20",
                                 "--test-count",
                                 "32",
                                 "--validation-count",
                                 "32",
                                 "--out",
                                 folder.path(),
                                 "--name",
                                 name};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(run_program(words("whole", {"--threads", "2"})).code, 0);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const auto killed = words("killed", {"--threads", "1", "--checkpoint-every", "1", "--resume"});
  int kills = 0;
  for (int life = 1; life <= 3; ++life) {
    ProgramLimits limits;
    limits.kill_after_seconds = (0.2 + 0.15 * life) * seconds;
    kills += run_program(killed, limits).code == -1;
  }
  EXPECT_GE(kills, 1) << "the run was never killed: it is too short for this test";
  const auto finished = run_program(killed);
  ASSERT_EQ(finished.code, 0) << finished.error;
  const auto whole_run = folder.path() / "whole", killed_run = folder.path() / "killed";
  EXPECT_EQ(read_file(whole_run / "metrics.jsonl"), read_file(killed_run / "metrics.jsonl"));
  EXPECT_TRUE(read_file(checkpoint_file(whole_run)) == read_file(checkpoint_file(killed_run)));

  const auto again = run_program(killed);  // a finished run only shows its result
  EXPECT_EQ(again.code, 0) << again.error;
  expect_contains(again.out, "goes on after epoch 120");
  auto other = killed;
  other.insert(other.end(), {"--seed", "5"});
  expect_contains(run_program(other).error, "seed: 0 there, 5 now");
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
  expect_contains(run_program({"train", "emlp-o5", "--group", "SU(5)", "--out", folder.path()}).error, "is complex");
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "emlp-o5-emlp-n1000-seed0"));
  // Nothing but 0 is equivariant: no error, not 0 / 0.
  const auto zero = run_program({"train", "emlp-inertia", "--group", "Union(SO(3),Scaling(3))", "--train-count", "8",
                                 "--epochs", "1", "--channels", "4", "--test-count", "16", "--validation-count", "8",
                                 "--out", folder.path(), "--name", "zero"});
  EXPECT_EQ(zero.code, 0) << zero.error;
  EXPECT_EQ(zero.out.find("nan"), std::string::npos) << zero.out;
  EXPECT_EQ(run_program({"train", "emlp-o5", "--lr", "-1", "--out", folder.path()}).code, 2);
}

}  // namespace
}  // namespace orbitgrad::experiments
