// Every kind of fault the trace promises to find, planted on purpose.
#include <gtest/gtest.h>

#include "tests/kernels/device_versions.hpp"
#include "tests/sim/sample_kernels.hpp"

namespace orbitgrad::kernels {
namespace {

using testing::DeviceArray;
using testing::expect_parts;
using testing::launch_sample;

struct Outcome {
  std::string error;
  std::vector<std::string> findings;
};

/// Runs a sample on 64 ones and an output of 64 floats that nobody has written.
Outcome outcome_of(std::string_view sample, const LaunchShape& shape, const float* other_input = nullptr) {
  const sim::Trace trace;
  Outcome outcome;
  {
    DeviceArray<float> in(DeviceKind::sim, std::vector<float>(64, 1.0F));
    DeviceArray<float> out(DeviceKind::sim, 64);
    try {
      launch_sample(sample, shape, other_input == nullptr ? in.data() : other_input, out.data(), 64);
    } catch (const LaunchError& error) {
      outcome.error = error.what();
    }
  }
  outcome.findings = trace.findings();
  return outcome;
}

void expect_finding(const Outcome& outcome, const std::string& kind, const std::string& thread,
                    const std::string& text) {
  ASSERT_EQ(outcome.findings.size(), 1U) << (outcome.findings.empty() ? outcome.error : outcome.findings.back());
  EXPECT_TRUE(outcome.findings[0].starts_with(kind)) << outcome.findings[0];
  expect_parts(outcome.findings[0], {"block (0, 0, 0)", thread, text, "sample_kernels.cu:"});
}

TEST(TraceChecks, CorrectKernelsHaveNoFindings) {
  struct Sample {
    const char* name;
    unsigned threads;
  };
  for (const auto& [name, threads] :
       {Sample{"copy", 64}, Sample{"staged_copy", 64}, Sample{"running_total", 32}, Sample{"odd_pair", 31}}) {
    const Outcome outcome = outcome_of(name, {.grid = 1, .block = threads});
    EXPECT_TRUE(outcome.findings.empty()) << name << ": " << outcome.findings[0];
    EXPECT_EQ(outcome.error, "") << name;
  }
}

TEST(TraceChecks, OutOfBounds) {
  const Outcome read = outcome_of("read_past_end", {.grid = 1, .block = 32});
  expect_finding(read, "out of bounds", "thread (31, 0, 0)", "reads 4 bytes of global memory outside");
  expect_parts(read.error, {"kernel read_past_end, block (0, 0, 0), thread (31, 0, 0)"});
  expect_finding(outcome_of("write_past_end", {.grid = 1, .block = 1}), "out of bounds", "thread (0, 0, 0)", "writes");
  expect_finding(outcome_of("shared_past_end", {.grid = 1, .block = 32}), "out of bounds", "thread (31, 0, 0)",
                 "shared memory outside every variable");
  const std::vector<float> host(4, 1.0F);
  expect_finding(outcome_of("read_host_memory", {.grid = 1, .block = 1}, host.data()), "out of bounds",
                 "thread (0, 0, 0)", "no memory of the device");
}

TEST(TraceChecks, UseAfterRelease) {
  const float* released = nullptr;
  {
    DeviceArray<float> array(DeviceKind::sim, std::vector<float>(5000, 1.0F));  // no other array here has this size
    released = array.data();
  }
  expect_finding(outcome_of("read_host_memory", {.grid = 1, .block = 1}, released), "out of bounds", "thread (0, 0, 0)",
                 "outside every block that is allocated");
}

TEST(TraceChecks, Misaligned) {
  expect_finding(outcome_of("misaligned", {.grid = 1, .block = 1}), "misaligned", "thread (0, 0, 0)", "4 bytes");
  expect_parts(outcome_of("misaligned_float4", {.grid = 1, .block = 1}).error, {"16 bytes", "sample_kernels.cu:"});
}

TEST(TraceChecks, ReadsOfMemoryNobodyWrote) {
  expect_finding(outcome_of("unwritten_shared", {.grid = 1, .block = 32}), "uninitialised read", "thread (0, 0, 0)",
                 "shared memory");
  expect_finding(outcome_of("unwritten_global", {.grid = 1, .block = 1}), "uninitialised read", "thread (0, 0, 0)",
                 "global memory");
}

TEST(TraceChecks, SharedMemoryBelongsToOneBlock) {
  // A block must not see an earlier one's values, and does not race with it.
  const Outcome unwritten = outcome_of("unwritten_shared", {.grid = 2, .block = 32});
  ASSERT_FALSE(unwritten.findings.empty());
  EXPECT_TRUE(unwritten.findings[0].starts_with("uninitialised read"));
  const sim::Trace trace;
  {
    DeviceArray<float> in(DeviceKind::sim, std::vector<float>(256, 1.0F)), out(DeviceKind::sim, 4);
    launch_sample("sum_by_block", {.grid = 4, .block = 64}, in.data(), out.data(), 256);
  }
  EXPECT_TRUE(trace.findings().empty()) << trace.findings()[0];
}

TEST(TraceChecks, RacesWhateverTheOrderOfThreads) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const sim::ScopedSchedule schedule({seed, false});
    for (const char* sample : {"shared_race", "warp_barrier_for_block", "write_after_read"}) {
      const Outcome outcome = outcome_of(sample, {.grid = 1, .block = 64});
      bool race = false;
      for (const std::string& finding : outcome.findings) race = race || finding.starts_with("race: kernel ");
      EXPECT_TRUE(race) << sample << ", seed " << seed;
    }
    for (const char* sample : {"race_between_blocks", "read_of_other_block"}) {
      const Outcome outcome = outcome_of(sample, {.grid = 2, .block = 32});
      ASSERT_FALSE(outcome.findings.empty()) << sample << ", seed " << seed;
      bool race = false;
      for (const std::string& finding : outcome.findings)
        race = race || (finding.starts_with("race: kernel ") && finding.find("of block (") != std::string::npos);
      EXPECT_TRUE(race) << sample << ", seed " << seed;
    }
  }
}

TEST(TraceChecks, AsynchronousCopyWithoutItsWait) {
  const sim::ScopedSchedule late({0, true});
  DeviceArray<float> in(DeviceKind::sim, std::vector<float>(64, 1.0F)), out(DeviceKind::sim, 64);
  launch_sample("staged_copy", {.grid = 1, .block = 64}, in.data(), out.data(), 64);
  EXPECT_EQ(out.to_host()[5], 1.0F);
  launch_sample("staged_copy_without_wait", {.grid = 1, .block = 64}, in.data(), out.data(), 64);
  EXPECT_NE(out.to_host()[5], 1.0F);
}

TEST(TraceChecks, ReadersOfAnotherWarpAreNotForgotten) {
  const Outcome outcome = outcome_of("other_warp_reads", {.grid = 1, .block = 64});
  ASSERT_EQ(outcome.findings.size(), 1U);
  EXPECT_TRUE(outcome.findings[0].starts_with("race: kernel other_warp_reads"));
}

TEST(TraceChecks, AnAtomicDoesNotPublishAPlainWrite) {
  const Outcome outcome = outcome_of("set_then_count", {.grid = 1, .block = 64});
  ASSERT_FALSE(outcome.findings.empty());
  EXPECT_TRUE(outcome.findings[0].starts_with("race: kernel set_then_count")) << outcome.findings[0];
}

TEST(TraceChecks, AsynchronousCopyReadBeforeItsWait) {
  for (const char* sample : {"read_before_wait", "staged_copy_without_wait"}) {
    const Outcome outcome = outcome_of(sample, {.grid = 1, .block = 64});
    ASSERT_FALSE(outcome.findings.empty()) << sample;
    EXPECT_TRUE(outcome.findings[0].starts_with("uninitialised read")) << outcome.findings[0];
  }
}

TEST(TraceChecks, LeaksAndDoubleReleases) {
  DeviceMemory& memory = *device_memory(DeviceKind::sim);
  const sim::Trace trace;
  void* block = memory.allocate(100);
  ASSERT_EQ(trace.findings().size(), 1U);
  expect_parts(trace.findings()[0], {"leak: 100 bytes"});
  memory.release(block, 100);
  EXPECT_TRUE(trace.findings().empty());
  EXPECT_THROW(memory.release(block, 100), LaunchError);
  EXPECT_THROW(memory.release(&memory, 100), LaunchError);
}

}  // namespace
}  // namespace orbitgrad::kernels
