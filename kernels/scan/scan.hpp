// Cumulative sums along one axis, from its first or from its last element:
//   y[o, s, i] = sum_{t <= s} x[o, t, i]        reversed: sum_{t >= s}
// Each is the adjoint of the other. Floating sums are carried in double.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// x, y: [outer, size, inner].
struct ScanProblem {
  std::int64_t outer = 0;
  std::int64_t size = 0;
  std::int64_t inner = 1;
  bool reversed = false;

  ORBITGRAD_HOST_DEVICE std::int64_t count() const { return outer * size * inner; }
  /// Where the s-th element to be added lies on the axis.
  ORBITGRAD_HOST_DEVICE std::int64_t place(std::int64_t s) const { return reversed ? size - 1 - s : s; }
};

/// Whole numbers wrap around, so their sums are made without a sign.
template <class T>
using ScanAccumulator = std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>;

template <class T>
struct CumulativeSum {
  using Problem = ScanProblem;
  using Launch = void(const Problem&, const T* x, T* y);
  static constexpr std::string_view name = "scan.cumulative_sum";
};

namespace cpu {

/// T: float, double, int64 (which wraps around).
template <class T>
void cumulative_sum(const ScanProblem& problem, const T* x, T* y);

}  // namespace cpu
}  // namespace orbitgrad::kernels
