#include "engine/allocator.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "engine/error.hpp"

namespace orbitgrad {

namespace {

constexpr std::int64_t alignment = 64;
#if defined(__SANITIZE_ADDRESS__)
constexpr bool keeps_blocks = false;  // so that the sanitizer sees a use after free
#else
constexpr bool keeps_blocks = true;
#endif
constexpr std::int64_t largest_request = std::int64_t{1} << 47;  // user address space

}  // namespace

struct CachingAllocator::State {
  mutable std::mutex mutex;
  std::unordered_map<std::int64_t, std::vector<void*>> free_blocks;  // by size class
  AllocatorStatistics statistics;
  std::int64_t limit = 0;

  void trim_locked() {
    for (auto& [size, blocks] : free_blocks)
      for (void* block : blocks) std::free(block);
    free_blocks.clear();
    statistics.cached_bytes = 0;
  }
};

CachingAllocator::CachingAllocator() : state_(new State) {}

CachingAllocator& CachingAllocator::host() {
  static CachingAllocator* allocator = new CachingAllocator;
  return *allocator;
}

std::int64_t CachingAllocator::size_class(std::int64_t bytes) {
  if (bytes <= alignment) return alignment;
  // The power of two above the request, and quarters of the one below: at most 25 % is lost.
  const auto above = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(bytes)));
  const std::int64_t step = std::max(above / 8, alignment);
  return (bytes + step - 1) / step * step;
}

void* CachingAllocator::allocate(std::int64_t bytes) {
  if (bytes == 0) return nullptr;
  State& state = *state_;
  require(bytes > 0 && bytes <= largest_request, "allocator",
          "{} bytes is no size a tensor can have. Ask for a smaller shape.", bytes);
  const std::int64_t size = size_class(bytes);
  const std::lock_guard lock(state.mutex);
  AllocatorStatistics& statistics = state.statistics;
  require(state.limit == 0 || statistics.live_bytes + size <= state.limit, "allocator",
          "{} bytes asked for with {} live would pass the limit of {}. Raise the limit or use a smaller batch.", bytes,
          statistics.live_bytes, state.limit);
  void* block = nullptr;
  if (auto found = state.free_blocks.find(size); found != state.free_blocks.end() && !found->second.empty()) {
    block = found->second.back();
    found->second.pop_back();
    statistics.cached_bytes -= size;
  } else {
    ++statistics.system_allocations;
    block = std::aligned_alloc(alignment, static_cast<std::size_t>(size));
    if (block == nullptr) {
      state.trim_locked();
      block = std::aligned_alloc(alignment, static_cast<std::size_t>(size));
    }
    require(block != nullptr, "allocator",
            "the system has no {} bytes left, {} are live in tensors. Use a smaller batch or free tensors.", size,
            statistics.live_bytes);
  }
  ++statistics.allocations;
  statistics.live_bytes += size;
  statistics.peak_live_bytes = std::max(statistics.peak_live_bytes, statistics.live_bytes);
  return block;
}

void CachingAllocator::release(void* pointer, std::int64_t bytes) noexcept {
  if (pointer == nullptr) return;
  State& state = *state_;
  const std::int64_t size = size_class(bytes);
  const std::lock_guard lock(state.mutex);
  state.statistics.live_bytes -= size;
  if (!keeps_blocks) {
    std::free(pointer);
    return;
  }
  try {
    state.free_blocks[size].push_back(pointer);
    state.statistics.cached_bytes += size;
  } catch (...) {
    std::free(pointer);
  }
}

void CachingAllocator::trim() {
  const std::lock_guard lock(state_->mutex);
  state_->trim_locked();
}

void CachingAllocator::set_limit(std::int64_t bytes) {
  const std::lock_guard lock(state_->mutex);
  state_->limit = bytes;
}

AllocatorStatistics CachingAllocator::statistics() const {
  const std::lock_guard lock(state_->mutex);
  return state_->statistics;
}

void CachingAllocator::reset_peak() {
  const std::lock_guard lock(state_->mutex);
  state_->statistics.peak_live_bytes = state_->statistics.live_bytes;
}

}  // namespace orbitgrad
