#include "kernels/device_graph.hpp"

#include <fmt/format.h>

#include <utility>

#include "kernels/ceil_div.hpp"
#include "kernels/device_memory.hpp"
#include "kernels/launch_error.hpp"
#include "kernels/philox.hpp"

namespace orbitgrad::kernels {
namespace {

thread_local DeviceGraph* recorded_graph = nullptr;

using Make = std::unique_ptr<DeviceGraph> (*)();
Make& maker_of(DeviceKind device) {
  static Make makers[static_cast<int>(DeviceKind::sim_traced) + 1] = {};
  return makers[static_cast<int>(device)];
}

}  // namespace

DeviceGraph* DeviceGraph::recording() { return recorded_graph; }

DeviceGraph::Pause::Pause() : paused_(std::exchange(recorded_graph, nullptr)) {
  if (paused_ != nullptr) paused_->pause();
}
DeviceGraph::Pause::~Pause() {
  if (paused_ != nullptr) paused_->resume();
  recorded_graph = paused_;
}

DeviceGraph::~DeviceGraph() { device_memory(device_)->release(block_, block_ == nullptr ? 0 : block_bytes); }

void DeviceGraph::begin(std::uint64_t key) {
  if (recorded_graph != nullptr) throw LaunchError("a step is recorded inside a step that is recorded");
  block_ = static_cast<std::byte*>(device_memory(device_)->allocate(block_bytes));
  key_ = key;
  derivations_[key] = {};
  begin_recording();
  recorded_graph = this;
}

void DeviceGraph::end() {
  recorded_graph = nullptr;
  try {
    end_recording(true);
  } catch (const LaunchError&) {
    undo();
    throw;
  }
  undo_.clear();
}

void DeviceGraph::abandon() noexcept {
  recorded_graph = nullptr;
  try {
    end_recording(false);
  } catch (const LaunchError&) {  // the error that made the caller give up says more
  }
  undo();
}

void DeviceGraph::undo() noexcept {
  for (auto action = undo_.rbegin(); action != undo_.rend(); ++action) (*action)();
  undo_.clear();
}

void DeviceGraph::replay(std::uint64_t key) {
  if (recorded_graph != nullptr) throw LaunchError("a recorded step is run inside a step that is recorded");
  key_ = key;
  if (std::exchange(was_replayed_, true)) {
    for (const auto& action : actions_) action();
    for (const auto& value : values_) value();
  }
  if (!mirror_.empty())
    device_memory(device_)->copy_to_device(block_, mirror_.data(), static_cast<std::int64_t>(mirror_.size()));
  run();
}

std::int64_t DeviceGraph::reserve(std::size_t bytes) {
  const std::size_t offset = round_up(mirror_.size(), 16);
  if (offset + bytes > static_cast<std::size_t>(block_bytes))
    throw LaunchError(fmt::format("a step has more than {} bytes of values that change from run to run", block_bytes));
  mirror_.resize(offset + bytes);
  return static_cast<std::int64_t>(offset);
}

void DeviceGraph::note_split(std::uint64_t parent, std::uint64_t stream, std::uint64_t child) {
  const auto found = derivations_.find(parent);
  if (found == derivations_.end()) return;
  std::vector<std::uint64_t> streams = found->second;
  streams.push_back(stream);
  derivations_.emplace(child, std::move(streams));
}

const std::uint64_t* DeviceGraph::changing_key(std::uint64_t key) {
  return changing<std::uint64_t>([this, streams = derivations_.at(key)] {
    std::uint64_t derived = key_;
    for (const std::uint64_t stream : streams) derived = philox_split(derived, stream);
    return derived;
  });
}

std::unique_ptr<DeviceGraph> make_device_graph(DeviceKind device) {
  const Make make = maker_of(device);
  if (make == nullptr || device_memory(device) == nullptr) throw LaunchError("this device cannot record its work");
  return make();
}

void register_device_graphs(DeviceKind device, Make make) { maker_of(device) = make; }

}  // namespace orbitgrad::kernels
