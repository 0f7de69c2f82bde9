// A run on the simulated device, and what the cpu makes of its folder.
#include "tests/experiments/program_support.hpp"

namespace orbitgrad::experiments {
namespace {

TEST(ProgramDevices, ARunOnSimIsEvaluatedAndResumedOnTheCpu) {
  const TemporaryFolder folder;
  const std::vector<std::string> few{"--train-count", "8", "--test-count", "4", "--batch", "4", "--augment", "rotate"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), few.begin(), few.end());
    return run_program(tiny_run(folder.path(), more));
  };
  const auto trained = with({"--device", "sim"});
  EXPECT_EQ(trained.code, 0) << trained.error;
  const auto resumed = with({"--device", "cpu", "--resume"});
  EXPECT_EQ(resumed.code, 0) << resumed.error;
  expect_contains(resumed.out, "goes on after step 2");

  const std::string run = folder.path() / "run";
  for (const char* device : {"cpu", "sim"}) {
    const auto evaluated = run_program({"eval", run, "--device", device});
    EXPECT_EQ(evaluated.code, 0) << evaluated.error;
    const auto measured = run_program({"equivariance", run, "--images", "1", "--device", device});
    EXPECT_EQ(measured.code, 0) << measured.error;
    expect_contains(measured.out, "0.00e+00");
  }
  EXPECT_EQ(with({"--device", "cpu", "--implementation", "irrep_naive", "--resume"}).code, 2) << "not a name on cpu";
}

}  // namespace
}  // namespace orbitgrad::experiments
