#include "kernels/device_table.hpp"

#include <algorithm>
#include <cstring>
#include <list>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "kernels/device_graph.hpp"
#include "kernels/device_memory.hpp"

namespace orbitgrad::kernels {
namespace {

/// FNV-1a over words of eight bytes: only chooses among tables that are then compared.
std::uint64_t hash_of(const std::byte* data, std::size_t bytes) {
  std::uint64_t hash = 0xcbf29ce484222325U ^ bytes;
  for (std::size_t i = 0; i < bytes; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data + i, std::min<std::size_t>(8, bytes - i));
    hash = (hash ^ word) * 0x100000001b3U;
    hash ^= hash >> 32;
  }
  return hash;
}

/// The table in the memory of a device.
std::shared_ptr<const void> copied(DeviceKind device, const void* table, std::int64_t bytes) {
  const DeviceGraph::Pause not_recorded;  // the table is no work of the step, and stays after it
  DeviceMemory* memory = device_memory(device);
  std::shared_ptr<void> result(memory->allocate(bytes), [memory, bytes](void* data) { memory->release(data, bytes); });
  memory->copy_to_device(result.get(), table, bytes);
  return result;
}

class TableCache {
 public:
  explicit TableCache(DeviceKind device) : device_(device) {}

  std::shared_ptr<const void> find_or_copy(const std::byte* table, std::size_t bytes) {
    const std::uint64_t hash = hash_of(table, bytes);
    const std::lock_guard lock(mutex_);
    const auto [first, last] = by_hash_.equal_range(hash);
    for (auto found = first; found != last; ++found) {
      const Entry& entry = *found->second;
      if (entry.content.size() != bytes || std::memcmp(entry.content.data(), table, bytes) != 0) continue;
      entries_.splice(entries_.begin(), entries_, found->second);
      return entry.on_device;
    }
    ++copies_;
    auto on_device = copied(device_, table, static_cast<std::int64_t>(bytes));
    if (room(bytes) > device_table_room) return on_device;
    entries_.push_front({hash, {table, table + bytes}, on_device});
    by_hash_.emplace(hash, entries_.begin());
    used_ += room(bytes);
    while (used_ > device_table_room) drop_oldest();
    return on_device;
  }

  DeviceTableStatistics statistics() {
    const std::lock_guard lock(mutex_);
    return {static_cast<std::int64_t>(entries_.size()), used_, copies_};
  }
  void* lasting(std::int64_t bytes) {
    const DeviceGraph::Pause not_recorded;
    void* memory = device_memory(device_)->allocate(bytes);
    const std::lock_guard lock(mutex_);
    return lasting_.emplace_back(memory);
  }
  bool holds(const void* address) {
    const std::lock_guard lock(mutex_);
    return std::find(lasting_.begin(), lasting_.end(), address) != lasting_.end() ||
           std::any_of(entries_.begin(), entries_.end(),
                       [&](const Entry& entry) { return entry.on_device.get() == address; });
  }

 private:
  struct Entry {
    std::uint64_t hash;
    std::vector<std::byte> content;
    std::shared_ptr<const void> on_device;
  };
  using Entries = std::list<Entry>;

  /// What an entry takes on the device and here, at least: allocations are multiples of 512 bytes.
  static std::int64_t room(std::size_t bytes) { return (static_cast<std::int64_t>(bytes) + 511) / 512 * 512; }

  void drop_oldest() {
    const auto oldest = std::prev(entries_.end());
    const auto [first, last] = by_hash_.equal_range(oldest->hash);
    by_hash_.erase(std::find_if(first, last, [&](const auto& found) { return found.second == oldest; }));
    used_ -= room(oldest->content.size());
    entries_.pop_back();
  }

  const DeviceKind device_;
  std::mutex mutex_;
  Entries entries_;  // used last first
  std::unordered_multimap<std::uint64_t, Entries::iterator> by_hash_;
  std::int64_t used_ = 0, copies_ = 0;
  std::vector<void*> lasting_;
};

/// Never destroyed: tables may be asked for until the process ends.
TableCache& cache_of(DeviceKind device) {
  static auto* cuda = new TableCache(DeviceKind::cuda);
  static auto* sim = new TableCache(DeviceKind::sim);
  return device == DeviceKind::cuda ? *cuda : *sim;
}

}  // namespace

std::shared_ptr<const void> device_table(DeviceKind device, const void* table, std::int64_t bytes) {
  if (bytes == 0) return nullptr;
  auto found = cache_of(device).find_or_copy(static_cast<const std::byte*>(table), static_cast<std::size_t>(bytes));
  if (DeviceGraph* graph = DeviceGraph::recording()) graph->keep(found);
  return found;
}

DeviceTableStatistics device_table_statistics(DeviceKind device) { return cache_of(device).statistics(); }

void* lasting_memory(DeviceKind device, std::int64_t bytes) { return cache_of(device).lasting(bytes); }

bool is_lasting(DeviceKind device, const void* address) { return cache_of(device).holds(address); }

}  // namespace orbitgrad::kernels
