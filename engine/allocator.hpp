// Host memory for tensors: blocks aligned to 64 bytes, rounded up to a size class and kept for reuse when freed, so
// that a training step asks the system for nothing after the first one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace orbitgrad {

struct AllocatorStatistics {
  std::int64_t live_bytes = 0;          // in use by tensors, rounded to size classes
  std::int64_t peak_live_bytes = 0;     // the largest live_bytes so far
  std::int64_t cached_bytes = 0;        // free, waiting for reuse
  std::int64_t allocations = 0;         // requests served
  std::int64_t system_allocations = 0;  // requests that had to ask the system
};

class CachingAllocator {
 public:
  /// The allocator of host memory. Never destroyed: tensors of static lifetime may outlive main.
  static CachingAllocator& host();

  /// At least `bytes` bytes, aligned to 64; null for 0 bytes. When the system has no memory the cache is emptied and
  /// the request tried once more; then, or over the limit, it is an Error that says what is live.
  void* allocate(std::int64_t bytes);
  void release(void* pointer, std::int64_t bytes) noexcept;

  /// Gives all cached blocks back to the system.
  void trim();
  /// Live bytes above this are an error; 0 means no limit.
  void set_limit(std::int64_t bytes);
  AllocatorStatistics statistics() const;
  void reset_peak();

  /// The block size that serves a request: powers of two in quarter steps, at least 64.
  static std::int64_t size_class(std::int64_t bytes);

 private:
  CachingAllocator();
  struct State;
  State* state_;
};

}  // namespace orbitgrad
