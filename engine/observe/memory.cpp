#include "engine/observe/memory.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "engine/allocator.hpp"
#include "engine/error.hpp"
#include "engine/observe/launch.hpp"
#include "engine/observe/trace.hpp"
#include "groups/printable.hpp"
#include "kernels/device_memory.hpp"

namespace orbitgrad::observe {

namespace {

/// Finds the peaks of one device's live bytes as they come.
class PeakFinder {
 public:
  void add(std::int64_t live, const void* address, const LiveTensor& tensor, double seconds) {
    if (live <= open_.bytes) return;
    const std::int64_t little = live / 100;
    const bool is_crumb = tensor.bytes <= open_.owner.bytes && tensor.bytes < little && live - owned_ < little;
    open_.bytes = live;
    open_.seconds = seconds;
    if (is_crumb) return;  // a sum of what made the peak
    open_.owner = tensor;
    owned_ = live;
    address_ = address;
  }
  void claim(const void* address, std::string_view op) {
    if (address == address_ && open_.owner.op.empty()) open_.owner.op = op;
  }
  void fall(std::int64_t live) {
    if (open_.bytes == 0 || static_cast<double>(live) > 0.9 * static_cast<double>(open_.bytes)) return;
    keep(peaks_, open_);
    open_ = {};
    open_.bytes = live + live / 10;  // the next one has to rise again
    address_ = nullptr;
  }
  std::vector<MemoryPeak> peaks() const {
    std::vector<MemoryPeak> all = peaks_;
    if (open_.owner.bytes > 0) keep(all, open_);
    return all;
  }

 private:
  static void keep(std::vector<MemoryPeak>& peaks, const MemoryPeak& peak) {
    for (MemoryPeak& known : peaks) {
      if (known.owner.op != peak.owner.op || known.owner.shape != peak.owner.shape) continue;
      const std::int64_t occasions = known.occasions + 1;
      if (peak.bytes > known.bytes) known = peak;
      known.occasions = occasions;
      return;
    }
    if (peak.owner.bytes > 0) peaks.push_back(peak);
  }

  std::vector<MemoryPeak> peaks_;
  MemoryPeak open_;
  std::int64_t owned_ = 0;  // live when the owner of the open peak came
  const void* address_ = nullptr;
};

/// Never destroyed: tensors of static lifetime may outlive main.
struct Registry {
  std::mutex mutex;
  std::unordered_map<const void*, LiveTensor> live;
  struct Unclaimed {
    const void* data;
    int launches;  // seen since
  };
  std::vector<Unclaimed> unclaimed;
  bool is_watching = false;
  Clock::time_point begin;
  PeakFinder finders[2];  // host, device

  PeakFinder& finder(DeviceKind device) { return finders[device == DeviceKind::cpu ? 0 : 1]; }
  /// What no launch has written soon is written on the host: nobody waits for it any more.
  static constexpr int patience = 32;
  void await(const void* data) {
    unclaimed.push_back({data, 0});
    watchers.fetch_or(claiming);
  }
  template <class Condition>
  void stop_waiting(Condition&& condition) {
    std::erase_if(unclaimed, condition);
    if (unclaimed.empty()) watchers.fetch_and(~static_cast<unsigned>(claiming));
  }
  void stop_waiting_for(const void* data) {
    stop_waiting([data](const Unclaimed& each) { return each.data == data; });
  }
};

Registry& registry() {
  static auto* const instance = new Registry;
  return *instance;
}

std::int64_t live_bytes(DeviceKind device) {
  return device == DeviceKind::cpu ? CachingAllocator::host().statistics().live_bytes
                                   : kernels::device_memory(device)->statistics().live_bytes;
}

std::string text_of(const LiveTensor& tensor) {
  return fmt::format("{} {} {}{}{}", bytes_text(tensor.bytes), name(tensor.dtype), tensor.shape,
                     tensor.op.empty() ? "" : " by ", tensor.op);
}

}  // namespace

void list_storage(const Storage& storage, const Shape& shape, DType dtype) {
  if (storage.data == nullptr) return;
  const bool is_followed = is_watched(watching_memory | tracing);
  const std::int64_t live = is_followed ? live_bytes(storage.device) : 0;
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const LiveTensor tensor{.op = {}, .shape = shape, .dtype = dtype, .device = storage.device, .bytes = storage.bytes};
  all.live.insert_or_assign(storage.data, tensor);
  all.await(storage.data);
  if (!is_followed) return;
  all.finder(storage.device)
      .add(live, storage.data, tensor, std::chrono::duration<double>(Clock::now() - all.begin).count());
  if (is_watched(tracing)) trace_memory(storage.device, live);
}

void unlist_storage(const Storage& storage) noexcept {
  if (storage.data == nullptr) return;
  Registry& all = registry();
  const bool is_followed = is_watched(watching_memory | tracing);
  const std::lock_guard lock(all.mutex);
  const auto found = all.live.find(storage.data);
  if (found == all.live.end()) return;
  all.stop_waiting_for(storage.data);
  all.live.erase(found);
  if (!is_followed) return;
  const std::int64_t live = live_bytes(storage.device) - storage.bytes;  // it is released after this
  all.finder(storage.device).fall(live);
  if (is_watched(tracing)) trace_memory(storage.device, live);
}

void forget_small_storages() {
  if (is_watched(watching_memory | tracing)) return;
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  for (auto it = all.live.begin(); it != all.live.end();) {
    if (is_listed(it->second.bytes)) {
      ++it;
      continue;
    }
    all.stop_waiting_for(it->first);
    it = all.live.erase(it);
  }
}

void claim_memory(const Launch& launch) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  for (int i = 0; i < launch.written_count; ++i) {
    const auto found = all.live.find(launch.written[i]);
    if (found == all.live.end() || !found->second.op.empty()) continue;
    found->second.op = launch.op;
    all.finder(launch.device).claim(launch.written[i], launch.op);
    all.stop_waiting_for(launch.written[i]);
  }
  all.stop_waiting([](Registry::Unclaimed& each) { return ++each.launches > Registry::patience; });
}

std::vector<LiveTensor> largest_live_tensors(std::size_t count) {
  Registry& all = registry();
  std::vector<LiveTensor> list;
  {
    const std::lock_guard lock(all.mutex);
    for (const auto& [data, tensor] : all.live) list.push_back(tensor);
  }
  std::ranges::sort(list, [](const LiveTensor& a, const LiveTensor& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.op < b.op;
  });
  if (list.size() > count) list.resize(count);
  return list;
}

void fail_allocation(std::string_view message, const Shape& shape, DType dtype) {
  std::string text(message);
  text += fmt::format(" It was for a {} {}. The largest live tensors:", name(dtype), shape);
  const std::vector<LiveTensor> largest = largest_live_tensors();
  for (const LiveTensor& tensor : largest) {
    text += "\n  ";
    text += text_of(tensor);
  }
  if (largest.empty()) text += " none of 64 KiB or more.";
  throw Error(text);
}

MemoryWatch::MemoryWatch() {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  require(!all.is_watching, "MemoryWatch", "another one is alive. Use one at a time.");
  all.is_watching = true;
  all.begin = Clock::now();
  for (PeakFinder& finder : all.finders) finder = {};
}

MemoryWatch::~MemoryWatch() {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  all.is_watching = false;
}

std::vector<MemoryPeak> MemoryWatch::peaks() const {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  std::vector<MemoryPeak> list = all.finders[0].peaks();
  for (const MemoryPeak& peak : all.finders[1].peaks()) list.push_back(peak);
  std::ranges::stable_sort(list, std::greater{}, &MemoryPeak::bytes);
  return list;
}

std::string MemoryWatch::to_string(std::size_t rows) const {
  std::string text = fmt::format("{:>12} {:>6} {:>10}  {}\n", "memory peak", "times", "at s", "reached by");
  std::size_t written = 0;
  for (const MemoryPeak& peak : peaks()) {
    if (written++ == rows) break;
    text += fmt::format("{:>12} {:>6} {:>10.3f}  {}\n", bytes_text(peak.bytes), peak.occasions, peak.seconds,
                        text_of(peak.owner));
  }
  return text;
}

void set_memory_limit(std::int64_t bytes) {
  require(bytes >= 0, "memory_limit", "{} bytes is no limit. Give a positive number, or 0 for none.", bytes);
  CachingAllocator::host().set_limit(bytes);
  for (const DeviceKind device : {DeviceKind::cuda, DeviceKind::sim})
    if (kernels::DeviceMemory* memory = kernels::device_memory(device)) memory->set_limit(bytes);
}

std::int64_t parse_bytes(std::string_view text) {
  struct Unit {
    std::string_view name;
    double bytes;
  };
  constexpr Unit units[] = {{"", 1},      {"B", 1},        {"kB", 1e3},        {"MB", 1e6},     {"GB", 1e9},
                            {"TB", 1e12}, {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  for (const Unit& unit : units)
    if (error == std::errc() && rest == unit.name && value >= 0 && value * unit.bytes < 0x1p60)
      return static_cast<std::int64_t>(value * unit.bytes);
  fail("memory_limit", "'{}' is no number of bytes. Write 4GiB, 512MiB or 1000000.", printable(text));
}

std::string bytes_text(std::int64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (value >= 0x1p30) return fmt::format("{:.2f} GiB", value / 0x1p30);
  if (value >= 0x1p20) return fmt::format("{:.1f} MiB", value / 0x1p20);
  if (value >= 0x1p10) return fmt::format("{:.1f} KiB", value / 0x1p10);
  return fmt::format("{} bytes", bytes);
}

}  // namespace orbitgrad::observe
