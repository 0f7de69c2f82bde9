#include "kernels/gather_axis/check_index.hpp"

#include <atomic>

#include "kernels/device_graph.hpp"
#include "kernels/device_memory.hpp"
#include "kernels/device_table.hpp"
#include "kernels/registration.hpp"

namespace orbitgrad::kernels {
namespace {

struct FaultPlace {
  IndexFault* memory = nullptr;           // of the device, never given back
  std::atomic<bool> was_checked = false;  // since the last read

  explicit FaultPlace(DeviceKind device)
      : memory(static_cast<IndexFault*>(lasting_memory(device, sizeof(IndexFault)))) {
    reset(device);
  }
  void reset(DeviceKind device) {
    const DeviceGraph::Pause not_recorded;
    const IndexFault none;
    device_memory(device)->copy_to_device(memory, &none, sizeof none);
  }
};

FaultPlace& place_of(DeviceKind device) {
  if (device == DeviceKind::cuda) {
    static auto* cuda = new FaultPlace(DeviceKind::cuda);
    return *cuda;
  }
  static auto* sim = new FaultPlace(DeviceKind::sim);
  return *sim;
}

// So that a device where nothing was ever checked costs nothing.
std::atomic<bool> was_anything_checked = false;

}  // namespace

IndexFault* index_fault_of(DeviceKind device) {
  FaultPlace& place = place_of(device);
  place.was_checked = was_anything_checked = true;
  if (DeviceGraph* graph = DeviceGraph::recording()) graph->at_replay([&place] { place.was_checked = true; });
  return place.memory;
}

std::optional<IndexFault> take_index_fault(DeviceKind device) {
  if (!was_anything_checked || !place_of(device).was_checked.exchange(false)) return std::nullopt;
  IndexFault fault;
  device_memory(device)->copy_to_host(&fault, place_of(device).memory, sizeof fault);
  if (fault.found == 0) return std::nullopt;
  place_of(device).reset(device);
  return fault;
}

namespace cpu {

void check_index(const CheckIndexProblem& problem, const std::int64_t* index, std::int64_t* checked,
                 IndexFault* fault) {
  for (std::int64_t i = 0; i < problem.count; ++i) {
    checked[i] = checked_position(problem, index[i]);
    if (!is_in_range(problem, index[i]) && fault->found == 0) *fault = {1, problem, i, index[i]};
  }
}

namespace {
const Registration<CheckIndex> registration{
    {"cpu", DeviceKind::cpu, [](const CheckIndexProblem&) { return true; }, check_index}};
}

}  // namespace cpu
}  // namespace orbitgrad::kernels
