#include "experiments/kernel_profile.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace orbitgrad::experiments {

const std::vector<GpuPeaks>& known_gpus() {
  static const std::vector<GpuPeaks> gpus{
      {"A100", 2039, 19.5}, {"H100", 3352, 66.9}, {"H200", 4800, 66.9}, {"4090", 1008, 82.6}};
  return gpus;
}

double KernelProfile::roofline_microseconds(const GpuPeaks& gpu) const {
  return std::max(ideal_bytes / (gpu.gigabytes_per_second * 1e3), flops / (gpu.teraflops * 1e6));
}

std::string golden_line(const KernelProfile& profile) {
  const kernels::sim::LaunchCounts& c = profile.counts;
  return fmt::format(
      "{} {} {}: threads {} requests {} sectors {} read {} written {} shared {} wavefronts {} of {} lanes {} barriers "
      "{} "
      "collectives {} atomics {} mma {}",
      profile.kernel, profile.version, profile.problem, c.threads, c.global_requests, c.global_sectors,
      c.unique_bytes_read, c.unique_bytes_written, c.shared_requests, c.shared_wavefronts, c.ideal_wavefronts,
      c.active_lanes, c.barriers, c.warp_barriers + c.warp_operations, c.atomics, c.mma);
}

}  // namespace orbitgrad::experiments
