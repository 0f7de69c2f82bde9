// The caching allocator of GPU memory on a source that only counts: no GPU is needed to see it split, merge and flush.
#include "kernels/block_pool.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <vector>

#include "kernels/launch_error.hpp"

namespace orbitgrad::kernels {
namespace {

/// Segments of host memory, with a limit on what is out at once.
struct CountingSource {
  std::size_t room = std::size_t{1} << 30;
  std::size_t out = 0;
  int asked = 0;
  std::map<void*, std::size_t> segments;

  SegmentSource source() {
    return {[this](std::size_t bytes) -> void* {
              ++asked;
              if (out + bytes > room) return nullptr;
              void* memory = std::aligned_alloc(BlockPool::granularity, bytes);
              segments[memory] = bytes;
              out += bytes;
              return memory;
            },
            [this](void* segment) {
              out -= segments.at(segment);
              segments.erase(segment);
              std::free(segment);
            }};
  }
};

TEST(BlockPool, SmallBlocksShareASegmentAndMergeAgain) {
  CountingSource counting;
  {
    BlockPool pool(counting.source());
    std::vector<void*> blocks;
    for (int i = 0; i < 100; ++i) blocks.push_back(pool.allocate(1000));
    EXPECT_EQ(counting.asked, 1);
    EXPECT_EQ(pool.statistics().live_bytes, 100 * 1024);
    for (void* block : blocks) pool.release(block);
    EXPECT_EQ(pool.statistics().live_bytes, 0);
    void* whole = pool.allocate(BlockPool::largest_small);  // fits only if the pieces have merged
    EXPECT_EQ(counting.asked, 1);
    pool.release(whole);
    pool.trim();
    EXPECT_EQ(counting.out, 0U);
    EXPECT_EQ(pool.statistics().reserved_bytes, 0);
  }
  EXPECT_TRUE(counting.segments.empty());
}

// Launches that were recorded use released blocks again in each replay: the source must not have given them away.
TEST(BlockPool, HeldSegmentsStayUntilThePoolEnds) {
  CountingSource counting;
  counting.room = std::size_t{30} << 20;
  {
    BlockPool pool(counting.source(), BlockPool::Reuse::held);
    void* block = pool.allocate(std::int64_t{4} << 20);
    pool.release(block);
    EXPECT_THROW(pool.allocate(std::int64_t{25} << 20), LaunchError);
    pool.trim();
    EXPECT_EQ(counting.segments.size(), 1U);
    EXPECT_EQ(pool.allocate(std::int64_t{3} << 20), block) << "reused by the pool itself, in pieces";
  }
  EXPECT_TRUE(counting.segments.empty());
}

TEST(BlockPool, FlushesAndTriesAgainWhenTheDeviceIsFull) {
  CountingSource counting;
  counting.room = std::size_t{48} << 20;
  BlockPool pool(counting.source());
  void* first = pool.allocate(std::int64_t{30} << 20);
  pool.release(first);
  void* second = pool.allocate(std::int64_t{40} << 20);  // only after the unused 30 MiB have been given back
  EXPECT_NE(second, nullptr);
  try {
    pool.allocate(std::int64_t{20} << 20);
    FAIL() << "there is no room";
  } catch (const LaunchError& error) {
    EXPECT_NE(std::string(error.what()).find("41943040 are live"), std::string::npos) << error.what();
  }
  pool.release(second);
}

TEST(BlockPool, LimitAndDoubleRelease) {
  CountingSource counting;
  BlockPool pool(counting.source());
  pool.set_limit(10000);
  EXPECT_THROW(pool.allocate(20000), LaunchError);
  void* block = pool.allocate(5000);
  pool.release(block);
  EXPECT_THROW(pool.release(block), LaunchError);
  EXPECT_THROW(pool.release(&pool), LaunchError);
  EXPECT_THROW(pool.allocate(-1), LaunchError);
  EXPECT_EQ(pool.allocate(0), nullptr);
}

TEST(BlockPool, LiveBytesAreThoseAskedFor) {
  CountingSource counting;
  BlockPool pool(counting.source());
  constexpr std::int64_t mebibyte = 1 << 20;
  pool.set_limit(20 * mebibyte);
  void* block = pool.allocate(19 * mebibyte + mebibyte / 2);  // the rest of its segment is too small to be kept
  EXPECT_EQ(pool.statistics().live_bytes, 19 * mebibyte + mebibyte / 2);
  void* small = pool.allocate(mebibyte / 2);
  EXPECT_THROW(pool.allocate(1), LaunchError);
  pool.release(block);
  pool.release(small);
  EXPECT_EQ(pool.statistics().live_bytes, 0);
}

TEST(BlockPool, WithoutReuseEveryBlockIsASegment) {
  CountingSource counting;
  BlockPool pool(counting.source(), BlockPool::Reuse::none);
  void *first = pool.allocate(1024), *second = pool.allocate(std::int64_t{3} << 20);
  EXPECT_EQ(counting.segments.at(first), 1024U);
  EXPECT_EQ(counting.segments.at(second), std::size_t{3} << 20);
  pool.release(first);
  EXPECT_EQ(counting.segments.count(first), 0U);
  EXPECT_THROW(pool.release(first), LaunchError);
  pool.release(second);
  EXPECT_EQ(counting.out, 0U);
  EXPECT_EQ(pool.statistics().reserved_bytes, 0);
}

TEST(BlockPool, RandomUseNeverOverlaps) {
  CountingSource counting;
  BlockPool pool(counting.source());
  std::mt19937 random(5);
  struct Live {
    unsigned char* data;
    std::size_t bytes;
    unsigned char mark;
  };
  std::vector<Live> live;
  for (int step = 0; step < 4000; ++step) {
    if (live.empty() || random() % 5 < 3) {
      const std::size_t bytes = 1 + random() % (random() % 10 == 0 ? 3000000U : 20000U);
      const auto mark = static_cast<unsigned char>(random());
      auto* data = static_cast<unsigned char*>(pool.allocate(static_cast<std::int64_t>(bytes)));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % BlockPool::granularity, 0U);
      data[0] = data[bytes - 1] = mark;
      live.push_back({data, bytes, mark});
    } else {
      const std::size_t index = random() % live.size();
      const Live gone = live[index];
      EXPECT_EQ(gone.data[0], gone.mark);
      EXPECT_EQ(gone.data[gone.bytes - 1], gone.mark);
      pool.release(gone.data);
      live[index] = live.back();
      live.pop_back();
    }
    if (live.size() > 60) {
      for (const Live& gone : live) pool.release(gone.data);
      live.clear();
    }
  }
  for (const Live& gone : live) pool.release(gone.data);
  EXPECT_EQ(pool.statistics().live_bytes, 0);
  pool.trim();
  EXPECT_EQ(counting.out, 0U);
}

}  // namespace
}  // namespace orbitgrad::kernels
