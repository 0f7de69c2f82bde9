// Counts of the CUDA kernels on the simulator: what each version asks of memory for a problem, beside the least it
// could ask and the time a GPU would need for that least. The counts are the same on every run, so a change of a kernel
// shows.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/sim/trace.hpp"

namespace orbitgrad::experiments {

/// Peaks from the maker's data sheets: memory in GB/s, float32 without tensor cores in TFLOP/s.
struct GpuPeaks {
  std::string_view name;
  double gigabytes_per_second, teraflops;
};
/// A100 (SXM, 80 GB), H100 (SXM), H200, RTX 4090.
const std::vector<GpuPeaks>& known_gpus();

/// One version of a kernel on one problem.
struct KernelProfile {
  std::string kernel, version, problem;
  double flops = 0;                   // of the formula
  double ideal_bytes = 0;             // every array moved once
  kernels::sim::LaunchCounts counts;  // summed over the launches of the call

  /// The longer of moving the ideal bytes and doing the arithmetic at the GPU's peaks: no kernel
  /// without tensor cores can be faster.
  double roofline_microseconds(const GpuPeaks& gpu) const;
};

struct ProfileCase {
  std::string kernel, problem;
  std::function<std::vector<KernelProfile>()> run;  // all versions that support the problem
};

/// All cases, in float32. Small: a traced access costs tens of nanoseconds, and counts scale with the problem.
const std::vector<ProfileCase>& profile_cases();

/// One line per profile, for a file that is compared line by line.
std::string golden_line(const KernelProfile& profile);

}  // namespace orbitgrad::experiments
