// Graphs of the device `sim`: the list of launches, and of the allocations between them, so that a replay finds memory
// as fresh as the first run did. On a launch that is recorded nothing runs.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "kernels/device_graph.hpp"
#include "kernels/sim/launch.hpp"

namespace orbitgrad::kernels::sim {

class SimGraph final : public DeviceGraph {
 public:
  SimGraph() : DeviceGraph(DeviceKind::sim) {}
  ~SimGraph() override;

  /// The graph of this device that this thread records; null: none.
  static SimGraph* recording();
  /// Throws LaunchError while a graph is recorded: the host does this once, a replay would not.
  static void refuse(std::string_view what);

  void record(std::function<void()> work) { work_.push_back(std::move(work)); }
  /// Copies the arguments.
  void record_launch(std::string_view kernel, const LaunchShape& shape, const KernelCall& call, bool traced);

  bool owns(const void* address) const override;

 private:
  void begin_recording() override {}
  void end_recording(bool is_kept) override;
  void run() override;

  std::vector<std::function<void()>> work_;
};

}  // namespace orbitgrad::kernels::sim
