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
  const std::pair<const char*, std::uint64_t> counted[] = {
      {"threads", c.threads},
      {"requests", c.global_requests},
      {"sectors", c.global_sectors},
      {"read", c.unique_bytes_read},
      {"written", c.unique_bytes_written},
      {"shared", c.shared_requests},
      {"wavefronts", c.shared_wavefronts},
      {"of", c.ideal_wavefronts},
      {"lanes", c.active_lanes},
      {"barriers", c.barriers},
      {"collectives", c.warp_barriers + c.warp_operations},
      {"atomics", c.atomics},
      {"mma", c.mma},
  };
  std::string line = fmt::format("{} {} {}:", profile.kernel, profile.version, profile.problem);
  for (const auto& [name, count] : counted) line += fmt::format(" {} {}", name, count);
  return line;
}

}  // namespace orbitgrad::experiments
