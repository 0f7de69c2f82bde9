#include "bench/device/clock.hpp"

#include <stdexcept>

#include "kernels/device_memory.hpp"

#ifdef ORBITGRAD_BENCH_CUDA
#include <cuda_runtime.h>

#include "kernels/cuda/stream.hpp"
#endif

namespace orbitgrad::bench {
namespace {

#ifdef ORBITGRAD_BENCH_CUDA

void check(cudaError_t status) {
  if (status != cudaSuccess) throw std::runtime_error(cudaGetErrorString(status));
}

/// Seconds between two events around the body, on the stream that kernels go to.
template <class Body>
double seconds_on_gpu(Body&& body) {
  static const auto events = [] {
    std::pair<cudaEvent_t, cudaEvent_t> made{};
    check(cudaEventCreate(&made.first));
    check(cudaEventCreate(&made.second));
    return made;
  }();
  check(cudaEventRecord(events.first, kernels::current_stream()));
  body();
  check(cudaEventRecord(events.second, kernels::current_stream()));
  check(cudaEventSynchronize(events.second));
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, events.first, events.second));
  return static_cast<double>(milliseconds) * 1e-3;
}

#endif

double seconds_of_calls(DeviceKind device, const std::function<void(std::int64_t)>& call, std::int64_t count,
                        Clock* now) {
  const auto body = [&] {
    for (std::int64_t i = 0; i < count; ++i) call(i);
  };
#ifdef ORBITGRAD_BENCH_CUDA
  if (device == DeviceKind::cuda) return seconds_on_gpu(body);
#endif
  const double start = now();
  body();
  if (auto* memory = kernels::device_memory(device)) memory->synchronize();
  return now() - start;
}

}  // namespace

Samples time_calls(DeviceKind device, const std::function<void(std::int64_t)>& call, int samples, double sample_seconds,
                   Clock* now) {
  seconds_of_calls(device, call, 2, now);
  const double once = seconds_of_calls(device, call, 3, now) / 3;
  const auto count = std::max<std::int64_t>(1, static_cast<std::int64_t>(sample_seconds / std::max(once, 1e-7)));
  Samples result;
  for (int i = 0; i < samples; ++i)
    result.seconds.push_back(seconds_of_calls(device, call, count, now) / static_cast<double>(count));
  std::sort(result.seconds.begin(), result.seconds.end());
  return result;
}

double copy_bytes_per_second([[maybe_unused]] DeviceKind device, [[maybe_unused]] std::int64_t bytes) {
#ifdef ORBITGRAD_BENCH_CUDA
  if (device == DeviceKind::cuda) {
    const kernels::DeviceScratch from(device, bytes), to(device, bytes);
    const auto times = time_calls(device, [&](std::int64_t) {
      check(cudaMemcpyAsync(to.as<void>(), from.as<void>(), static_cast<std::size_t>(bytes), cudaMemcpyDeviceToDevice,
                            kernels::current_stream()));
    });
    return 2 * static_cast<double>(bytes) / times.median();
  }
#endif
  return 0;
}

}  // namespace orbitgrad::bench
