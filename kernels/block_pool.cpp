#include "kernels/block_pool.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/ceil_div.hpp"
#include "kernels/launch_error.hpp"

namespace orbitgrad::kernels {
namespace {

constexpr std::size_t large_step = std::size_t{2} << 20;

}  // namespace

BlockPool::BlockPool(SegmentSource source, Reuse reuse) : source_(std::move(source)), reuse_(reuse) {}

BlockPool::~BlockPool() {
  for (const auto& [begin, block] : blocks_)
    if (block->before == nullptr) source_.release(begin);
}

BlockPool::Block* BlockPool::new_segment(std::size_t size, bool small) {
  void* memory = source_.allocate(size);
  if (memory == nullptr) {
    trim_locked();
    memory = source_.allocate(size);
  }
  if (memory == nullptr)
    throw LaunchError(
        fmt::format("the device has no {} bytes left, {} are live in tensors and {} are reserved. Use a "
                    "smaller batch or free tensors",
                    size, statistics_.live_bytes, statistics_.reserved_bytes));
  ++statistics_.system_allocations;
  statistics_.reserved_bytes += static_cast<std::int64_t>(size);
  auto* begin = static_cast<std::byte*>(memory);
  auto block = std::make_unique<Block>(Block{begin, size, small, true});
  Block* result = block.get();
  blocks_.emplace(begin, std::move(block));
  free_blocks(small).insert(result);
  return result;
}

std::size_t BlockPool::segment_for(std::size_t bytes, bool small) const {
  if (reuse_ == Reuse::none) return bytes;
  if (small) return small_segment;
  return bytes <= large_segment / 2 ? large_segment : round_up(bytes, large_step);
}

/// Cuts a free block that is not in the free set to `bytes`; the rest becomes a free block if it is worth keeping.
void BlockPool::split(Block* block, std::size_t bytes) {
  const std::size_t rest = block->bytes - bytes;
  if (rest < (block->small ? granularity : largest_small + granularity)) return;
  auto remainder =
      std::make_unique<Block>(Block{block->begin + bytes, rest, block->small, true, 0, block, block->after});
  Block* second = remainder.get();
  blocks_.emplace(second->begin, std::move(remainder));
  if (second->after != nullptr) second->after->before = second;
  block->after = second;
  block->bytes = bytes;
  free_blocks(block->small).insert(second);
}

/// One block of two neighbours that are free and not in the free set.
BlockPool::Block* BlockPool::merge(Block* first, Block* second) {
  first->bytes += second->bytes;
  first->after = second->after;
  if (first->after != nullptr) first->after->before = first;
  blocks_.erase(second->begin);
  return first;
}

void* BlockPool::allocate(std::int64_t bytes) {
  if (bytes == 0) return nullptr;
  if (bytes < 0 || bytes > (std::int64_t{1} << 47))
    throw LaunchError(fmt::format("{} bytes is no size of memory", bytes));
  const std::lock_guard lock(mutex_);
  const auto exact = static_cast<std::size_t>(bytes);
  const std::size_t size = reuse_ == Reuse::none ? exact : round_up(exact, granularity);
  if (limit_ != 0 && statistics_.live_bytes + static_cast<std::int64_t>(size) > limit_)
    throw LaunchError(
        fmt::format("{} bytes asked for with {} live would pass the limit of {}. Raise the limit or use a "
                    "smaller batch",
                    bytes, statistics_.live_bytes, limit_));
  const bool small = size <= largest_small;
  Block wanted{nullptr, size, small, true};
  FreeBlocks& candidates = free_blocks(small);
  const auto found = candidates.lower_bound(&wanted);  // the smallest that fits
  Block* block = found != candidates.end() ? *found : new_segment(segment_for(size, small), small);
  candidates.erase(block);
  if (reuse_ != Reuse::none) split(block, size);
  block->free = false;
  block->asked = size;
  ++statistics_.allocations;
  statistics_.live_bytes += static_cast<std::int64_t>(size);
  statistics_.peak_live_bytes = std::max(statistics_.peak_live_bytes, statistics_.live_bytes);
  return block->begin;
}

void BlockPool::release(void* pointer) {
  if (pointer == nullptr) return;
  const std::lock_guard lock(mutex_);
  const auto found = blocks_.find(static_cast<std::byte*>(pointer));
  if (found == blocks_.end() || found->second->free)
    throw LaunchError(fmt::format("release of {}, which is no live block of the device (released twice?)", pointer));
  Block* block = found->second.get();
  statistics_.live_bytes -= static_cast<std::int64_t>(block->asked);
  block->free = true;
  FreeBlocks& neighbours = free_blocks(block->small);
  if (block->after != nullptr && block->after->free) {
    neighbours.erase(block->after);
    block = merge(block, block->after);
  }
  if (block->before != nullptr && block->before->free) {
    neighbours.erase(block->before);
    block = merge(block->before, block);
  }
  neighbours.insert(block);
  if (reuse_ == Reuse::none) trim_locked();
}

bool BlockPool::holds(const void* pointer) const {
  const std::lock_guard lock(mutex_);
  const auto found = blocks_.find(static_cast<std::byte*>(const_cast<void*>(pointer)));
  return found != blocks_.end() && !found->second->free;
}

void BlockPool::trim_locked() {
  if (reuse_ == Reuse::held) return;
  for (FreeBlocks* blocks : {&free_small_, &free_large_}) {
    for (auto it = blocks->begin(); it != blocks->end();) {
      Block* block = *it;
      if (block->before != nullptr || block->after != nullptr) {
        ++it;
        continue;
      }
      it = blocks->erase(it);
      statistics_.reserved_bytes -= static_cast<std::int64_t>(block->bytes);
      source_.release(block->begin);
      blocks_.erase(block->begin);
    }
  }
}

void BlockPool::trim() {
  const std::lock_guard lock(mutex_);
  trim_locked();
}

void BlockPool::set_limit(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  limit_ = bytes;
}

DeviceMemoryStatistics BlockPool::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

}  // namespace orbitgrad::kernels
