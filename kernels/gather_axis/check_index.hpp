// Positions made ready for gather and scatter, and checked on their device: a bad one is noted there and reported when
// the host next reads from the device, since to wait for the answer at once would stop the host at every gather.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "kernels/dispatch.hpp"
#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// Positions in [lowest, length), length > 0; lowest is -length where negative ones count from the end, else 0.
struct CheckIndexProblem {
  std::int64_t count = 0, lowest = 0, length = 0;
  std::string_view op;  // whose positions they are; static text, never read on a device

  std::int64_t flops() const { return count; }
  std::int64_t bytes(std::int64_t) const { return 16 * count; }
};

/// A position that is out of range: one of them, if there are several.
struct IndexFault {
  std::int32_t found = 0;
  CheckIndexProblem problem;
  std::int64_t place = 0, value = 0;
};

ORBITGRAD_HOST_DEVICE inline bool is_in_range(const CheckIndexProblem& p, std::int64_t value) {
  return value >= p.lowest && value < p.length;
}
/// The position from the front; 0 for one out of range, so that no kernel reads outside.
ORBITGRAD_HOST_DEVICE inline std::int64_t checked_position(const CheckIndexProblem& p, std::int64_t value) {
  if (!is_in_range(p, value)) return 0;
  return value < 0 ? value + p.length : value;
}

/// index, checked: [count]. fault: in the memory of the device; not written if all is well.
struct CheckIndex {
  using Problem = CheckIndexProblem;
  using Launch = void(const Problem&, const std::int64_t* index, std::int64_t* checked, IndexFault* fault);
  static constexpr std::string_view name = "gather_axis.check_index";
};

/// Where the launches of a device note a fault, from now or, while a graph is recorded, in each replay.
IndexFault* index_fault_of(DeviceKind device);
/// The fault noted since the last call, if any. Waits for the device if positions were checked since.
std::optional<IndexFault> take_index_fault(DeviceKind device);

namespace cpu {

void check_index(const CheckIndexProblem& problem, const std::int64_t* index, std::int64_t* checked, IndexFault* fault);

}  // namespace cpu
}  // namespace orbitgrad::kernels
