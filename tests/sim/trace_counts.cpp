// The counters against access patterns whose counts are known by arithmetic.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/kernels/device_versions.hpp"
#include "tests/sim/sample_kernels.hpp"

namespace orbitgrad::kernels {
namespace {

using testing::DeviceArray;
using testing::launch_sample;

sim::LaunchCounts counts_of(std::string_view sample, const LaunchShape& shape, int in_count, int out_count) {
  std::vector<float> values(static_cast<std::size_t>(in_count));
  std::iota(values.begin(), values.end(), 1.0F);
  const sim::Trace trace;
  DeviceArray<float> in(DeviceKind::sim, values);
  DeviceArray<float> out(DeviceKind::sim, std::vector<float>(static_cast<std::size_t>(out_count), 0.0F));
  launch_sample(sample, shape, in.data(), out.data(), in_count);
  return trace.launches().at(0);
}

TEST(TraceCounts, CoalescedCopyTouchesFourSectors) {
  const auto counts = counts_of("copy", {.grid = 4, .block = 128}, 512, 512);
  EXPECT_EQ(counts.blocks, 4U);
  EXPECT_EQ(counts.threads, 512U);
  EXPECT_EQ(counts.global_requests, 32U);  // 16 warps, a read and a write each
  EXPECT_DOUBLE_EQ(counts.sectors_per_request(), 4);
  EXPECT_DOUBLE_EQ(counts.lanes_per_request(), 32);
  EXPECT_EQ(counts.bytes_read, 2048U);
  EXPECT_EQ(counts.unique_bytes_read, 2048U);
  EXPECT_EQ(counts.bytes_written, 2048U);
  EXPECT_EQ(counts.unique_bytes_written, 2048U);
}

TEST(TraceCounts, TailOfACopyHasFewerLanes) {
  const auto counts = counts_of("copy", {.grid = 1, .block = 64}, 40, 40);
  EXPECT_EQ(counts.global_requests, 4U);
  EXPECT_EQ(counts.active_lanes, 80U);
  EXPECT_EQ(counts.global_sectors, 2U * (4 + 1));
}

TEST(TraceCounts, StridedReads) {
  const auto two = counts_of("strided_read<2>", {.grid = 1, .block = 32}, 64, 32);
  EXPECT_EQ(two.global_sectors, 8U + 4U);
  const auto many = counts_of("strided_read<32>", {.grid = 1, .block = 32}, 1024, 32);
  EXPECT_EQ(many.global_sectors, 32U + 4U);
}

TEST(TraceCounts, Float4TouchesSixteenSectors) {
  const auto counts = counts_of("copy_float4", {.grid = 1, .block = 32}, 128, 128);
  EXPECT_EQ(counts.global_requests, 2U);
  EXPECT_DOUBLE_EQ(counts.sectors_per_request(), 16);
}

TEST(TraceCounts, BroadcastIsOneSector) {
  const auto counts = counts_of("broadcast", {.grid = 1, .block = 32}, 1, 32);
  EXPECT_EQ(counts.global_sectors, 1U + 4U);
  EXPECT_EQ(counts.bytes_read, 128U);
  EXPECT_EQ(counts.unique_bytes_read, 4U);
  EXPECT_EQ(counts_of("shared_broadcast", {.grid = 1, .block = 32}, 32, 32).shared_wavefronts, 2U);
}

TEST(TraceCounts, TransposeWithAndWithoutPadding) {
  const LaunchShape shape{.grid = 1, .block = dim3(32, 32)};
  const auto plain = counts_of("transpose<32>", shape, 1024, 1024);
  EXPECT_EQ(plain.shared_requests, 64U);
  EXPECT_EQ(plain.shared_wavefronts, 32U * 1 + 32U * 32);
  EXPECT_EQ(plain.ideal_wavefronts, 64U);
  EXPECT_EQ(plain.barriers, 1U);
  const auto padded = counts_of("transpose<33>", shape, 1024, 1024);
  EXPECT_DOUBLE_EQ(padded.wavefronts_per_request(), 1);
}

TEST(TraceCounts, DivergentLoopsPairIterationsByNumber) {
  const auto triangle = counts_of("triangle", {.grid = 1, .block = 32}, 32, 32);
  EXPECT_EQ(triangle.global_requests, 32U + 1U);  // one instruction per turn of the longest lane, and the write
  EXPECT_EQ(triangle.active_lanes, 32U * 33 / 2 + 32U);
  const auto nested = counts_of("nested_loops", {.grid = 1, .block = 32}, 12, 32);
  EXPECT_EQ(nested.global_requests, 4U * 3 + 1U);
  EXPECT_EQ(nested.global_sectors, 4U * 3 + 4U);  // all lanes of one turn read one word
}

TEST(TraceCounts, BarriersCollectivesAndAtomics) {
  const auto sum = counts_of("sum_by_block", {.grid = 3, .block = 128}, 384, 3);
  EXPECT_EQ(sum.barriers, 3U * 2);
  EXPECT_EQ(sum.warp_operations, 3U * 4 * 5);
  EXPECT_EQ(counts_of("count_positive", {.grid = 2, .block = 64}, 128, 1).atomics, 128U);
}

TEST(TraceCounts, AreTheSameOnEveryRun) {
  const auto first = counts_of("nested_loops", {.grid = 1, .block = 32}, 12, 32);
  const auto second = counts_of("nested_loops", {.grid = 1, .block = 32}, 12, 32);
  EXPECT_EQ(first.global_sectors, second.global_sectors);
  EXPECT_EQ(first.active_lanes, second.active_lanes);
}

}  // namespace
}  // namespace orbitgrad::kernels
