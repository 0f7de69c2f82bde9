#include "kernels/sim/shared_memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "kernels/ceil_div.hpp"
#include "kernels/launch_error.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define __asan_poison_memory_region(address, bytes) (static_cast<void>(address), static_cast<void>(bytes))
#define __asan_unpoison_memory_region(address, bytes) (static_cast<void>(address), static_cast<void>(bytes))
#endif

namespace orbitgrad::kernels::sim {
namespace {

constexpr std::size_t alignment_of_all = 1024, gap = 64;
constexpr std::size_t most_static_bytes = 48 * 1024, most_bytes = 163 * 1024;

}  // namespace

void SharedMemory::Free::operator()(std::byte* memory) const {
  __asan_unpoison_memory_region(memory, capacity);
  std::free(memory);
}

void SharedMemory::poison(const Variable& variable) {
  __asan_unpoison_memory_region(memory_.get() + variable.begin, variable.end - variable.begin);
  std::memset(memory_.get() + variable.begin, 0xff, variable.end - variable.begin);
}

void SharedMemory::begin_block(std::uint64_t launch, std::size_t dynamic_bytes) {
  if (memory_ == nullptr) {
    memory_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment_of_all, capacity)));
    if (memory_ == nullptr) throw LaunchError("the system has no memory for the shared memory of a simulated block");
  }
  if (launch != launch_) {
    variables_.assign(1, Variable{nullptr, 0, dynamic_bytes});
    static_bytes_ = 0;
    launch_ = launch;
  }
  __asan_poison_memory_region(memory_.get(), capacity);
  for (const Variable& variable : variables_) poison(variable);
}

void* SharedMemory::variable(const void* key, std::size_t bytes, std::size_t alignment, std::string_view name) {
  for (std::size_t i = 1; i < variables_.size(); ++i)
    if (variables_[i].key == key) return memory_.get() + variables_[i].begin;
  static_bytes_ += bytes;
  if (static_bytes_ > most_static_bytes)
    throw LaunchError(
        fmt::format("shared variable {} of {} bytes makes {} bytes of static shared memory: a block has "
                    "at most 48 KiB; ask for dynamic shared memory",
                    name, bytes, static_bytes_));
  if (static_bytes_ + variables_.front().end > most_bytes)
    throw LaunchError(fmt::format("{} bytes of static and {} of dynamic shared memory: a block has at most 163 KiB",
                                  static_bytes_, variables_.front().end));
  const std::size_t begin = round_up(variables_.back().end + gap, std::max<std::size_t>(16, alignment));
  variables_.push_back({key, begin, begin + bytes});
  if (variables_.back().end + gap > capacity)
    throw LaunchError(fmt::format("shared variable {} does not fit the block's shared memory", name));
  poison(variables_.back());
  return memory_.get() + begin;
}

bool SharedMemory::contains(const void* address, std::size_t bytes) const {
  if (!owns(address)) return false;
  const std::size_t begin = offset(address), end = begin + bytes;
  for (const Variable& variable : variables_)
    if (begin >= variable.begin && end <= variable.end) return true;
  return false;
}

}  // namespace orbitgrad::kernels::sim
