#include "kernels/sim/device_memory.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/launch_error.hpp"
#include "kernels/sim/device_graph.hpp"
#include "kernels/sim/trace.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define __asan_poison_memory_region(address, bytes) (static_cast<void>(address), static_cast<void>(bytes))
#define __asan_unpoison_memory_region(address, bytes) (static_cast<void>(address), static_cast<void>(bytes))
#endif

namespace orbitgrad::kernels::sim {
namespace {

constexpr std::size_t alignment = 256, gap = 256;  // an access just past a block hits a gap
constexpr std::size_t page = 4096;

/// What a block takes: a power of two in quarter steps, so that released blocks fit later requests, and its gap.
std::size_t footprint(std::size_t bytes) {
  const std::size_t whole = std::max(std::bit_ceil(bytes), alignment), step = std::max(whole / 8, alignment);
  return (bytes + step - 1) / step * step + gap;
}

const bool registered = [] {
  register_device_memory(
      DeviceKind::sim, []() -> DeviceMemory* { return &SimMemory::instance(); },
      [] { return std::string("the CUDA kernels, run and checked on the CPU"); });
  return true;
}();

}  // namespace

SimMemory& SimMemory::instance() {
  static SimMemory* memory = new SimMemory;
  return *memory;
}

SimMemory::SimMemory() {
  void* addresses = mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (addresses == MAP_FAILED)
    throw LaunchError("the system refuses the 16 GiB of addresses the simulated device needs; raise `ulimit -v`");
  arena_ = static_cast<std::byte*>(addresses);
}

void* SimMemory::allocate(std::int64_t bytes) {
  if (bytes == 0) return nullptr;
  const std::lock_guard lock(mutex_);
  const auto refuse = [&](std::string_view why) {
    throw LaunchError(fmt::format("{} bytes asked for on sim with {} live: {}. Use a smaller batch or free tensors",
                                  bytes, statistics_.live_bytes, why));
  };
  if (bytes < 0 || static_cast<std::size_t>(bytes) > capacity) refuse("the simulated device has 16 GiB");
  if (limit_ != 0 && statistics_.live_bytes + bytes > limit_) refuse(fmt::format("the limit is {}", limit_));
  const std::size_t size = footprint(static_cast<std::size_t>(bytes));
  SimGraph* graph = SimGraph::recording();
  std::size_t begin = next_;
  const auto take = [&](FreeOffsets& from) {
    const auto found = from.find(size);
    if (found == from.end() || found->second.empty()) return false;
    begin = found->second.back();
    found->second.pop_back();
    return true;
  };
  if (!take(graph == nullptr ? free_ : free_of_graph_[graph])) {
    if (!take(given_back_)) {
      if (next_ + size > capacity) refuse("the simulated device has 16 GiB");
      next_ += size;
    }
    ++statistics_.system_allocations;
    statistics_.reserved_bytes += static_cast<std::int64_t>(size);
  }
  const Block block{begin, static_cast<std::size_t>(bytes), static_cast<std::uint64_t>(++statistics_.allocations),
                    graph};
  live_.emplace(begin, block);
  statistics_.live_bytes += bytes;
  statistics_.peak_live_bytes = std::max(statistics_.peak_live_bytes, statistics_.live_bytes);
  std::byte* memory = arena_ + begin;
  __asan_poison_memory_region(memory, size);
  __asan_unpoison_memory_region(memory, block.bytes);
  std::memset(memory, 0xff, block.bytes);
  if (Trace* trace = Trace::current()) trace->allocated(block, true);
  if (graph != nullptr) graph->record([this, block] { allocate_again(block); });
  return memory;
}

void SimMemory::allocate_again(const Block& block) {
  std::byte* memory = arena_ + block.begin;
  __asan_poison_memory_region(memory, footprint(block.bytes));
  __asan_unpoison_memory_region(memory, block.bytes);
  std::memset(memory, 0xff, block.bytes);
  if (Trace* trace = Trace::current()) trace->allocated(block, false);
}

void SimMemory::disown(const DeviceGraph* graph) {
  const std::lock_guard lock(mutex_);
  for (auto& [begin, block] : live_)
    if (block.owner == graph) block.owner = nullptr;
  for (auto& [size, offsets] : free_of_graph_[graph])
    free_[size].insert(free_[size].end(), offsets.begin(), offsets.end());
  free_of_graph_.erase(graph);
}

bool SimMemory::is_owned(const void* address, const DeviceGraph* graph) const {
  const std::lock_guard lock(mutex_);
  if (!owns(address)) return false;
  const auto after = live_.upper_bound(offset(address));
  return after != live_.begin() && std::prev(after)->second.owner == graph;
}

const SimMemory::Block& SimMemory::live_block(const void* pointer, const char* action) const {
  const auto found = owns(pointer) ? live_.find(offset(pointer)) : live_.end();
  if (found == live_.end())
    throw LaunchError(
        fmt::format("{} of {}, which is no block of the simulated device (released twice?)", action, pointer));
  return found->second;
}

void SimMemory::release(void* pointer, std::int64_t bytes) {
  if (pointer == nullptr) return;
  const std::lock_guard lock(mutex_);
  const Block block = live_block(pointer, "release");
  if (static_cast<std::int64_t>(block.bytes) != bytes)
    throw LaunchError(fmt::format("release of {} bytes at {}, where {} were allocated", bytes, pointer, block.bytes));
  live_.erase(block.begin);
  statistics_.live_bytes -= bytes;
  const std::size_t size = footprint(block.bytes);
  __asan_poison_memory_region(pointer, size);
  (block.owner == nullptr ? free_ : free_of_graph_[block.owner])[size].push_back(block.begin);
  if (Trace* trace = Trace::current()) trace->released(block);
  if (SimGraph* graph = SimGraph::recording(); graph != nullptr && block.owner == graph)
    graph->record([this, block] {
      __asan_poison_memory_region(arena_ + block.begin, footprint(block.bytes));
      if (Trace* trace = Trace::current()) trace->released(block);
    });
}

void SimMemory::check_copy(const void* device, std::int64_t bytes, const char* action) const {
  const std::lock_guard lock(mutex_);
  if (bytes == 0) return;
  auto after = owns(device) ? live_.upper_bound(offset(device)) : live_.begin();
  if (after != live_.begin()) {
    const Block& block = std::prev(after)->second;
    const std::size_t begin = offset(device);
    if (begin >= block.begin && begin + static_cast<std::size_t>(bytes) <= block.begin + block.bytes) return;
  }
  throw LaunchError(
      fmt::format("{} of {} bytes at {} does not lie in one block of the simulated device", action, bytes, device));
}

void SimMemory::copy_to_device(void* to, const void* from_host, std::int64_t bytes) {
  SimGraph::refuse("a copy from the host");
  check_copy(to, bytes, "copy to the device");
  if (bytes == 0) return;
  std::memcpy(to, from_host, static_cast<std::size_t>(bytes));
  if (Trace* trace = Trace::current()) trace->written_by_host(to, static_cast<std::size_t>(bytes));
}

void SimMemory::copy_to_host(void* to_host, const void* from, std::int64_t bytes) {
  SimGraph::refuse("a copy to the host");
  check_copy(from, bytes, "copy to the host");
  if (bytes > 0) std::memcpy(to_host, from, static_cast<std::size_t>(bytes));
}

void SimMemory::trim() {
  const std::lock_guard lock(mutex_);
  for (auto& [size, offsets] : free_) {
    for (const std::size_t begin : offsets) {
      const std::size_t first = (begin + page - 1) / page * page, last = (begin + size) / page * page;
      if (last > first) madvise(arena_ + first, last - first, MADV_DONTNEED);
      statistics_.reserved_bytes -= static_cast<std::int64_t>(size);
      given_back_[size].push_back(begin);
    }
    offsets.clear();
  }
}

void SimMemory::set_limit(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  limit_ = bytes;
}

DeviceMemoryStatistics SimMemory::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

std::vector<SimMemory::Block> SimMemory::live_blocks() const {
  const std::lock_guard lock(mutex_);
  std::vector<Block> blocks;
  for (const auto& [begin, block] : live_) blocks.push_back(block);
  return blocks;
}

}  // namespace orbitgrad::kernels::sim
