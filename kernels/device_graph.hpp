// Work of a device recorded once and run again as one unit: on cuda a CUDA graph, on sim the list of launches.
// A replay runs the very launches that were recorded, with the arguments they had. So what they pass by value and what
// differs from run to run (keys of random numbers, rates) lies in a block of device memory instead, which is computed
// anew on the host and copied before each replay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kernels/dispatch.hpp"
#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

class DeviceGraph {
 public:
  virtual ~DeviceGraph();
  DeviceGraph(const DeviceGraph&) = delete;
  DeviceGraph& operator=(const DeviceGraph&) = delete;

  /// From here on, what this thread gives to the device is recorded and not run. Memory that it allocates belongs to
  /// the graph: given back, it is reused by the graph alone, so that a replay meets nothing of anybody else.
  /// `key`: the key of random numbers from which the recorded work derives its own.
  void begin(std::uint64_t key);
  /// Throws LaunchError, and forgets what was recorded, when it cannot be replayed.
  void end();
  /// Forgets what was recorded, and undoes what it did on the host.
  void abandon() noexcept;
  /// Runs what was recorded, after all work given to the device before. Throws LaunchError.
  void replay(std::uint64_t key);

  /// The graph that this thread records; null: none.
  static DeviceGraph* recording();
  /// While it lives, work of this thread runs at once and its memory is nobody's own.
  class Pause {
   public:
    Pause();
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    DeviceGraph* paused_;
  };

  /// Whether the address lies in memory that was allocated while this graph was recorded.
  virtual bool owns(const void* address) const = 0;

  // --- What code that is recorded asks for. ---

  /// Keeps an object alive as long as the graph.
  void keep(std::shared_ptr<const void> object) { kept_.insert(std::move(object)); }
  /// Something the host does in each run besides launching; called before the second replay and each later one.
  void at_replay(std::function<void()> action) { actions_.push_back(std::move(action)); }
  /// What takes back a change of the host when the recording is abandoned; the last is called first.
  void on_abandon(std::function<void()> action) { undo_.push_back(std::move(action)); }
  /// A place of this graph's memory that holds now() in each replay.
  template <class Value>
  const Value* changing(std::function<Value()> now) {
    static_assert(std::is_trivially_copyable_v<Value>);
    const std::int64_t offset = reserve(sizeof(Value));
    values_.push_back([this, offset, now = std::move(now)] { write(offset, now()); });
    values_.back()();
    return reinterpret_cast<const Value*>(block_ + offset);
  }
  /// A key was derived: child = philox_split(parent, stream).
  void note_split(std::uint64_t parent, std::uint64_t stream, std::uint64_t child);
  /// Whether the key was derived from that of the recording.
  bool derives(std::uint64_t key) const { return derivations_.contains(key); }
  /// A place that holds the key derived in the same way from the key of each replay.
  const std::uint64_t* changing_key(std::uint64_t key);

 protected:
  explicit DeviceGraph(DeviceKind device) : device_(device) {}

  virtual void begin_recording() = 0;
  /// Stops recording; keeps what was recorded if it is to be replayed.
  virtual void end_recording(bool is_kept) = 0;
  virtual void run() = 0;
  virtual void pause() {}
  virtual void resume() {}

 private:
  static constexpr std::int64_t block_bytes = std::int64_t{64} << 10;

  void undo() noexcept;
  std::int64_t reserve(std::size_t bytes);
  template <class Value>
  void write(std::int64_t offset, const Value& value) {
    __builtin_memcpy(mirror_.data() + offset, &value, sizeof value);
  }

  const DeviceKind device_;
  std::byte* block_ = nullptr;     // of the values that change, in the device's memory
  std::vector<std::byte> mirror_;  // what it holds in the next replay
  std::vector<std::function<void()>> values_, actions_, undo_;
  std::unordered_set<std::shared_ptr<const void>> kept_;
  std::uint64_t key_ = 0;
  std::unordered_map<std::uint64_t, std::vector<std::uint64_t>> derivations_;  // key -> streams from the recording's
  bool was_replayed_ = false;
};

/// A new graph of a device with memory of its own. Throws LaunchError for another.
std::unique_ptr<DeviceGraph> make_device_graph(DeviceKind device);
/// Called once, before main, by the source that records a device's work.
void register_device_graphs(DeviceKind device, std::unique_ptr<DeviceGraph> (*make)());

/// A kernel argument that may change from replay to replay: by value, and in a recording by its place.
template <class Value>
struct Changing {
  Value value;
  const Value* place = nullptr;

  ORBITGRAD_HOST_DEVICE Value get() const { return place == nullptr ? value : *place; }
};

/// A key of random numbers as a kernel argument.
inline Changing<std::uint64_t> changing_key(std::uint64_t key) {
  DeviceGraph* graph = DeviceGraph::recording();
  return {key, graph != nullptr && graph->derives(key) ? graph->changing_key(key) : nullptr};
}

}  // namespace orbitgrad::kernels
