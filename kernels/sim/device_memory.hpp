// The memory of the device `sim`: one range of host addresses that only kernels and copies may touch, so that any
// address can be judged by arithmetic. Blocks are apart by a gap; a fresh block reads as NaN (all bits set).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "kernels/device_graph.hpp"
#include "kernels/device_memory.hpp"

namespace orbitgrad::kernels::sim {

class SimMemory final : public DeviceMemory {
 public:
  /// Never destroyed: tensors of static lifetime may outlive main.
  static SimMemory& instance();

  void* allocate(std::int64_t bytes) override;
  void release(void* pointer, std::int64_t bytes) override;
  void copy_to_device(void* to, const void* from_host, std::int64_t bytes) override;
  void copy_to_host(void* to_host, const void* from, std::int64_t bytes) override;
  void synchronize() override {}
  void trim() override;
  void set_limit(std::int64_t bytes) override;
  DeviceMemoryStatistics statistics() const override;

  struct Block {
    std::size_t begin = 0, bytes = 0;    // offset in the arena
    std::uint64_t number = 0;            // allocations are numbered from 1
    const DeviceGraph* owner = nullptr;  // the graph that alone reuses it
  };
  /// All blocks that are allocated now, by address.
  std::vector<Block> live_blocks() const;

  // --- For graphs. What a thread allocates while it records one is the graph's own. ---

  /// A block is allocated again in a replay: fresh for whoever reads it.
  void allocate_again(const Block& block);
  /// The graph ends: its memory is everybody's.
  void disown(const DeviceGraph* graph);
  bool is_owned(const void* address, const DeviceGraph* graph) const;

  bool owns(const void* address) const { return address >= arena_ && address < arena_ + capacity; }
  std::size_t offset(const void* address) const {
    return static_cast<std::size_t>(static_cast<const std::byte*>(address) - arena_);
  }

  const void* address(std::size_t offset) const { return arena_ + offset; }

  static constexpr std::size_t capacity = std::size_t{1} << 34;  // of addresses; memory is taken when touched

 private:
  SimMemory();
  using FreeOffsets = std::unordered_map<std::size_t, std::vector<std::size_t>>;  // by size with its gap

  const Block& live_block(const void* pointer, const char* action) const;
  void check_copy(const void* device, std::int64_t bytes, const char* action) const;

  std::byte* arena_ = nullptr;
  mutable std::mutex mutex_;
  std::map<std::size_t, Block> live_;  // by offset
  FreeOffsets free_, given_back_;      // with their memory, and without
  std::unordered_map<const DeviceGraph*, FreeOffsets> free_of_graph_;
  std::size_t next_ = 0;
  std::int64_t limit_ = 0;
  DeviceMemoryStatistics statistics_;
};

}  // namespace orbitgrad::kernels::sim
