// Barriers, collectives, schedules and the limits of a launch; these hold with and without a trace.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/kernels/device_versions.hpp"
#include "tests/sim/sample_kernels.hpp"

namespace orbitgrad::kernels {
namespace {

using testing::DeviceArray;
using testing::expect_parts;
using testing::launch_sample;

std::string error_of(std::string_view sample, const LaunchShape& shape) {
  DeviceArray<float> in(DeviceKind::sim, std::vector<float>(64, 1.0F)), out(DeviceKind::sim, 64);
  try {
    launch_sample(sample, shape, in.data(), out.data(), 64);
  } catch (const LaunchError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Simulator, BarrierThatNotAllReach) {
  expect_parts(
      error_of("divergent_barrier", {.grid = 1, .block = 32}),
      {"kernel divergent_barrier, block (0, 0, 0)", "16 of 32 threads wait", "sample_kernels.cu:", "16 have returned"});
  expect_parts(error_of("two_barriers", {.grid = 1, .block = 32}), {"different barriers"});
}

TEST(Simulator, WrongMasks) {
  expect_parts(error_of("wrong_mask", {.grid = 1, .block = 32}), {"does not name the calling lane 16"});
  expect_parts(error_of("wrong_mask", {.grid = 1, .block = 8}), {"lanes the block does not have"});
  expect_parts(error_of("missing_lane", {.grid = 1, .block = 32}), {"31 of 32 threads wait"});
}

TEST(Simulator, AKernelLaunchesNoKernel) {
  expect_parts(error_of("nested_launch", {.grid = 1, .block = 32}), {"a kernel launches a kernel"});
}

TEST(Simulator, RefusesWhatTheHardwareRefuses) {
  expect_parts(error_of("copy", {.grid = 1, .block = 1025}), {"at most 1024 threads"});
  expect_parts(error_of("copy", {.grid = 0, .block = 32}), {"a dimension is 0"});
  expect_parts(error_of("copy", {.grid = dim3(1, 65536), .block = 32}), {"65535"});
  expect_parts(error_of("copy", {.grid = 1, .block = 32, .shared_bytes = 200 * 1024}), {"163 KiB"});
  expect_parts(error_of("too_much_shared", {.grid = 1, .block = 1}), {"48 KiB"});
}

TEST(Simulator, ResultsDoNotDependOnTheScheduleOrTheThreads) {
  std::vector<float> values(1024);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 1.0F / static_cast<float>(i + 1);
  DeviceArray<float> in(DeviceKind::sim, values);
  std::vector<float> reference;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const sim::ScopedSchedule schedule({seed, seed % 2 == 1});
    DeviceArray<float> out(DeviceKind::sim, 8);
    launch_sample("sum_by_block", {.grid = 8, .block = 128}, in.data(), out.data(), 1024);
    if (seed == 0) reference = out.to_host();
    EXPECT_TRUE(testing::same_bits(reference, out.to_host())) << seed;
  }
  EXPECT_NEAR(std::accumulate(reference.begin(), reference.end(), 0.0F), 7.50917567F, 1e-5F);
}

TEST(Simulator, GoesOnAfterAFailedLaunch) {
  EXPECT_NE(error_of("divergent_barrier", {.grid = 4, .block = 32}), "no error");
  EXPECT_EQ(error_of("copy", {.grid = 1, .block = 64}), "no error");
}

TEST(Simulator, FreshMemoryReadsAsNotANumber) {
  DeviceArray<float> fresh(DeviceKind::sim, 64);
  for (const float value : fresh.to_host()) EXPECT_TRUE(std::isnan(value));
}

TEST(Simulator, MemoryLimitIsAnErrorThatSaysWhatIsLive) {
  DeviceMemory& memory = *device_memory(DeviceKind::sim);
  memory.set_limit(memory.statistics().live_bytes + 1000);
  EXPECT_THROW(memory.allocate(1001), LaunchError);
  void* fits = memory.allocate(1000);
  memory.release(fits, 1000);
  memory.set_limit(0);
  EXPECT_THROW(memory.allocate(std::int64_t{1} << 60), LaunchError);
}

TEST(Simulator, EveryBarrierOfTheTransposeIsNeeded) {
  const sim::Trace trace;
  std::vector<sim::BarrierSite> sites;
  DeviceArray<float> in(DeviceKind::sim, std::vector<float>(1024, 1.0F)), out(DeviceKind::sim, 1024);
  const LaunchShape shape{.grid = 1, .block = dim3(32, 32)};
  {
    const sim::BarrierMutation collect;
    launch_sample("transpose<33>", shape, in.data(), out.data(), 1024);
    sites = sim::BarrierMutation::reached();
  }
  ASSERT_EQ(sites.size(), 1U);
  EXPECT_EQ(trace.launches().size(), 1U);
  const auto findings_before = trace.findings().size();
  const sim::BarrierMutation leave_out(sites[0]);
  launch_sample("transpose<33>", shape, in.data(), out.data(), 1024);
  EXPECT_GT(trace.findings().size(), findings_before);
}

}  // namespace
}  // namespace orbitgrad::kernels
