#include "kernels/device_table.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/device_memory.hpp"
#include "kernels/philox.hpp"
#include "kernels/sim/trace.hpp"

namespace orbitgrad::kernels {
namespace {

constexpr DeviceKind sim = DeviceKind::sim;

/// Numbers that no other test of this process asks for.
std::vector<std::int32_t> numbers(std::size_t count, std::uint64_t seed) {
  std::vector<std::int32_t> result(count);
  for (std::size_t i = 0; i < count; ++i) result[i] = static_cast<std::int32_t>(philox(seed, i).word[0]);
  return result;
}

auto table_of(const std::vector<std::int32_t>& content) {
  return device_table(sim, std::span<const std::int32_t>(content));
}

std::vector<std::int32_t> content_of(const std::shared_ptr<const std::int32_t>& table, std::size_t count) {
  std::vector<std::int32_t> result(count);
  device_memory(sim)->copy_to_host(result.data(), table.get(), static_cast<std::int64_t>(count * 4));
  return result;
}

TEST(DeviceTable, OfEqualContentIsOneTable) {
  const auto content = numbers(100, 1);
  const auto first = table_of(content);
  EXPECT_EQ(content_of(first, 100), content);
  const std::int64_t copies = device_table_statistics(sim).copies;
  EXPECT_EQ(table_of(std::vector(content)), first);
  EXPECT_EQ(device_table_statistics(sim).copies, copies);
  auto other = content;
  other.back() ^= 1;
  EXPECT_NE(table_of(other), first);
  other = content;
  other.pop_back();
  EXPECT_NE(table_of(other), first);
  EXPECT_EQ(device_table_statistics(sim).copies, copies + 2);
  EXPECT_EQ(table_of({}), nullptr);
}

TEST(DeviceTable, TheCacheIsBoundedAndUsersKeepTheirs) {
  const auto content = numbers(1 << 10, 2);
  const auto kept = table_of(content);
  constexpr std::size_t quarter = device_table_room / 4 / 4;
  for (std::uint64_t seed = 10; seed < 15; ++seed) {
    table_of(numbers(quarter, seed));
    EXPECT_LE(device_table_statistics(sim).bytes, device_table_room);
  }
  EXPECT_EQ(content_of(kept, content.size()), content);
  EXPECT_NE(table_of(content), kept) << "it was the oldest";
  const std::int64_t live = device_memory(sim)->statistics().live_bytes;
  table_of(numbers(4 * quarter + 1, 3));  // larger than the cache
  EXPECT_EQ(device_memory(sim)->statistics().live_bytes, live);
}

TEST(DeviceTable, IsNoLeakOfATrace) {
  const sim::Trace trace;
  table_of(numbers(10, 4));
  EXPECT_EQ(trace.findings(), std::vector<std::string>{});
  void* const lost = device_memory(sim)->allocate(8);
  EXPECT_EQ(trace.findings().size(), 1U);
  device_memory(sim)->release(lost, 8);
}

}  // namespace
}  // namespace orbitgrad::kernels
