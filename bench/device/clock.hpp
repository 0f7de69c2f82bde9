// How long calls on a device take: by events of its stream on a GPU, by the host's clock elsewhere. And what a time is
// held against: the speed of a plain copy, and of the library's matrix product.
#pragma once

#include <cstdint>
#include <functional>

#include "bench/paired.hpp"
#include "kernels/dispatch.hpp"

namespace orbitgrad::bench {

using kernels::DeviceKind;

/// Seconds a call, sorted, of `samples` samples; each repeats call(0), call(1), ... for about sample_seconds, at least
/// once. Warm: called a few times first. A GPU keeps its own time, `now` is the host's.
Samples time_calls(DeviceKind device, const std::function<void(std::int64_t)>& call, int samples = 9,
                   double sample_seconds = 2e-3, Clock* now = wall_seconds);

/// Bytes read and written a second by a copy of `bytes` within the device's memory; 0 on the simulator.
double copy_bytes_per_second(DeviceKind device, std::int64_t bytes);

}  // namespace orbitgrad::bench
