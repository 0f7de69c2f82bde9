#include "kernels/sim/device_graph.hpp"

#include <cstring>
#include <string>

#include "kernels/launch_error.hpp"
#include "kernels/sim/device_memory.hpp"

namespace orbitgrad::kernels::sim {
namespace {

const bool registered = [] {
  register_device_graphs(DeviceKind::sim,
                         []() -> std::unique_ptr<DeviceGraph> { return std::make_unique<SimGraph>(); });
  return true;
}();

}  // namespace

SimGraph::~SimGraph() { SimMemory::instance().disown(this); }

SimGraph* SimGraph::recording() { return dynamic_cast<SimGraph*>(DeviceGraph::recording()); }

void SimGraph::refuse(std::string_view what) {
  if (recording() == nullptr) return;
  std::string message(what);
  message += " in a step that is recorded: a replay would not make it again";
  throw LaunchError(message);
}

void SimGraph::record_launch(std::string_view kernel, const LaunchShape& shape, const KernelCall& call, bool traced) {
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> arguments((call.argument_bytes + sizeof(Line) - 1) / sizeof(Line));
  std::memcpy(arguments.data(), call.arguments, call.argument_bytes);
  record([name = std::string(kernel), shape, call, traced, arguments = std::move(arguments)] {
    run_grid(name, shape, {call.run, arguments.data(), call.argument_bytes}, traced);
  });
}

bool SimGraph::owns(const void* address) const { return SimMemory::instance().is_owned(address, this); }

void SimGraph::end_recording(bool is_kept) {
  if (!is_kept) work_.clear();
}

void SimGraph::run() {
  for (const auto& work : work_) work();
}

}  // namespace orbitgrad::kernels::sim
