// The caching allocator of a GPU's memory, without the GPU: it carves blocks out of large segments that a source
// provides, splits and merges them, and keeps them for reuse. Asking the driver costs microseconds to milliseconds and
// waits for the device, so a training step should ask for nothing after the first one.
//
// All work of a device goes to one stream (kernels/cuda/stream.hpp), and a block is only reused by later work of that
// stream: it can be handed out again as soon as it is released, without waiting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>

#include "kernels/device_memory.hpp"

namespace orbitgrad::kernels {

/// Where segments come from: the driver, or a test.
struct SegmentSource {
  std::function<void*(std::size_t bytes)> allocate;  // null when there is no room
  std::function<void(void* segment)> release;
};

class BlockPool {
 public:
  /// What happens to memory that is released. `none`: each block is a segment of its own, of exactly the bytes asked
  /// for, and goes back to the source at once: slow, but tools that watch the driver's blocks see ours. `held`: reused,
  /// but nothing goes back before the pool ends, since launches that are recorded will use it again.
  enum class Reuse { blocks, none, held };

  explicit BlockPool(SegmentSource source, Reuse reuse = Reuse::blocks);
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  /// At least `bytes` bytes, aligned to 512; null for 0 bytes. When the source has no room, unused segments are given
  /// back (unless they are held) and it is asked once more; then, or over the limit, a LaunchError says what is live.
  void* allocate(std::int64_t bytes);
  /// Throws LaunchError for a pointer that is not live.
  void release(void* pointer);
  /// Whether the address is the begin of a block that is allocated now.
  bool holds(const void* pointer) const;
  /// Gives segments without a live block back to the source.
  void trim();
  void set_limit(std::int64_t bytes);
  DeviceMemoryStatistics statistics() const;

  static constexpr std::size_t granularity = 512;                     // sizes are multiples of it
  static constexpr std::size_t largest_small = std::size_t{1} << 20;  // small blocks share segments of their own
  static constexpr std::size_t small_segment = std::size_t{2} << 20;
  static constexpr std::size_t large_segment = std::size_t{20} << 20;

 private:
  struct Block {
    std::byte* begin;
    std::size_t bytes;
    bool small, free;
    std::size_t asked = 0;                      // bytes of the request it serves, rounded up
    Block *before = nullptr, *after = nullptr;  // neighbours in the segment
  };
  struct BySize {
    bool operator()(const Block* a, const Block* b) const {
      return a->bytes != b->bytes ? a->bytes < b->bytes : a->begin < b->begin;
    }
  };
  using FreeBlocks = std::set<Block*, BySize>;

  FreeBlocks& free_blocks(bool small) { return small ? free_small_ : free_large_; }
  std::size_t segment_for(std::size_t bytes, bool small) const;
  Block* new_segment(std::size_t size, bool small);
  void split(Block* block, std::size_t bytes);
  Block* merge(Block* first, Block* second);
  void trim_locked();

  SegmentSource source_;
  Reuse reuse_;
  mutable std::mutex mutex_;
  std::unordered_map<std::byte*, std::unique_ptr<Block>> blocks_;  // all, by address
  FreeBlocks free_small_, free_large_;
  std::int64_t limit_ = 0;
  DeviceMemoryStatistics statistics_;
};

}  // namespace orbitgrad::kernels
