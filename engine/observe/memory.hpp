// Which tensors are live, which op made them, and when memory peaked. Tensors of 64 KiB and more are always listed,
// which costs them nothing that can be measured; while a MemoryWatch lives (or a trace is written) all are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/observe/observer.hpp"
#include "engine/tensor.hpp"

namespace orbitgrad::observe {

struct Launch;

struct LiveTensor {
  std::string op;  // the first op that wrote it; "" if none has
  Shape shape;     // as it was made
  DType dtype = DType::float32;
  DeviceKind device = DeviceKind::cpu;
  std::int64_t bytes = 0;
};

/// The largest of the listed tensors, the largest first.
std::vector<LiveTensor> largest_live_tensors(std::size_t count = 8);

/// A place where the live bytes of a device stopped growing and fell by a tenth or more.
struct MemoryPeak {
  LiveTensor owner;            // the last tensor before it that matters: a hundredth of it, with those since the last
  std::int64_t bytes = 0;      // live then
  double seconds = 0;          // since the watch began
  std::int64_t occasions = 1;  // peaks with an owner of this op and shape
};

/// Follows live memory while it exists; one at a time, a second one is an Error.
class MemoryWatch {
 public:
  MemoryWatch();
  ~MemoryWatch();
  MemoryWatch(const MemoryWatch&) = delete;
  MemoryWatch& operator=(const MemoryWatch&) = delete;
  /// The highest first, those of one op and shape together, with the one that is still open.
  std::vector<MemoryPeak> peaks() const;
  /// A table for people.
  std::string to_string(std::size_t rows = 8) const;

 private:
  const Watch watch_{watching_memory};
};

/// Live bytes above this are an Error that lists the largest tensors, on every device; 0 means no limit. Also set by
/// ORBITGRAD_MEMORY_LIMIT=4GiB when the program starts.
void set_memory_limit(std::int64_t bytes);
/// "4GiB", "512 MiB", "1.5GB", "1000": bytes. Error: anything else.
std::int64_t parse_bytes(std::string_view text);
/// "1.50 GiB"
std::string bytes_text(std::int64_t bytes);

/// Smaller tensors are listed only while somebody watches.
inline constexpr std::int64_t always_listed = std::int64_t{64} << 10;
inline bool is_listed(std::int64_t bytes) { return bytes >= always_listed || is_watched(watching_memory | tracing); }

// For the engine: a storage appears and goes, a launch writes it, and an allocation failed with this message.
void list_storage(const Storage& storage, const Shape& shape, DType dtype);
void unlist_storage(const Storage& storage) noexcept;
/// Small ones are not listed any more, unless somebody still watches.
void forget_small_storages();
void claim_memory(const Launch& launch);
[[noreturn]] void fail_allocation(std::string_view message, const Shape& shape, DType dtype);

}  // namespace orbitgrad::observe
