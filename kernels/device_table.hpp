// Tables of the host (gather indices, angles, constants) in the memory of a device, cached by content: a launch that
// needs a table it needed before copies nothing. Two tables are the same when all their bytes are.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "kernels/dispatch.hpp"

namespace orbitgrad::kernels {

/// `bytes` bytes in the device's memory with the content of `table`; null for 0 bytes. They stay while the pointer
/// lives, while a graph is recorded as long as the graph, and in the cache until younger tables need the room.
std::shared_ptr<const void> device_table(DeviceKind device, const void* table, std::int64_t bytes);

template <class T>
std::shared_ptr<const T> device_table(DeviceKind device, std::span<const T> table) {
  return std::static_pointer_cast<const T>(
      device_table(device, table.data(), static_cast<std::int64_t>(table.size_bytes())));
}

/// Room of the cache of each device; a larger table is copied each time.
inline constexpr std::int64_t device_table_room = std::int64_t{64} << 20;

struct DeviceTableStatistics {
  std::int64_t tables = 0, bytes = 0;  // in the cache now
  std::int64_t copies = 0;             // tables that had to be copied so far
};
DeviceTableStatistics device_table_statistics(DeviceKind device);

/// Memory of the device that stays until the process ends.
void* lasting_memory(DeviceKind device, std::int64_t bytes);
/// Whether the address is that of a cached table or of lasting memory: it is not lost when nobody uses it.
bool is_lasting(DeviceKind device, const void* address);

}  // namespace orbitgrad::kernels
