// orbitgrad bench --device sim [KERNEL]
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <set>

#include "experiments/commands/commands.hpp"
#include "experiments/commands/usage.hpp"
#include "experiments/kernel_profile.hpp"
#include "experiments/table.hpp"
#include "nn/nearest_name.hpp"

namespace orbitgrad::experiments {

namespace {

struct Options {
  std::string device = "sim", kernel, gpu = "H100";
  bool list = false, golden = false;
};

std::vector<std::string> kernel_names() {
  std::set<std::string> names;
  for (const ProfileCase& profiled : profile_cases()) names.insert(profiled.kernel);
  return {names.begin(), names.end()};
}

std::vector<std::string> row(const KernelProfile& profile, const GpuPeaks& gpu) {
  const kernels::sim::LaunchCounts& c = profile.counts;
  const auto unique = static_cast<double>(c.unique_bytes_read + c.unique_bytes_written);
  return {profile.version,
          profile.problem,
          with_thousands(static_cast<long long>(c.global_requests)),
          fmt::format("{:.2f}", c.sectors_per_request()),
          fmt::format("{:.1f}", static_cast<double>(c.global_sectors) * 32 / 1024),
          fmt::format("{:.1f}", unique / 1024),
          fmt::format("{:.1f}", profile.ideal_bytes / 1024),
          fmt::format("{:.2f}", c.shared_requests == 0 ? 0.0
                                                       : static_cast<double>(c.shared_wavefronts) /
                                                             static_cast<double>(c.ideal_wavefronts)),
          fmt::format("{:.1f}", c.lanes_per_request()),
          with_thousands(static_cast<long long>(c.barriers)),
          with_thousands(static_cast<long long>(c.mma)),
          fmt::format("{:.3f}", profile.roofline_microseconds(gpu))};
}

const GpuPeaks& find_gpu(const std::string& name) {
  for (const GpuPeaks& gpu : known_gpus())
    if (gpu.name == name) return gpu;
  throw UsageError(fmt::format("[bench] no peaks are known of a GPU '{}'. Take A100, H100, H200 or 4090.", name));
}

void run(const Options& options) {
  if (options.device != "sim")
    throw UsageError(
        fmt::format("[bench] --device {} has no counts. Take sim; timings are those of the programs in "
                    "build/bench.",
                    options.device));
  const GpuPeaks& gpu = find_gpu(options.gpu);
  const std::vector<std::string> names = kernel_names();
  if (options.list) {
    for (const std::string& name : names) fmt::print("{}\n", name);
    return;
  }
  if (!options.kernel.empty() && std::find(names.begin(), names.end(), options.kernel) == names.end())
    throw UsageError(fmt::format("[bench] there is no kernel '{}'. Did you mean '{}'? --list shows all.",
                                 options.kernel, nn::nearest_name(options.kernel, names)));
  for (const std::string& name : names) {
    if (!options.kernel.empty() && name != options.kernel) continue;
    Table table({"version", "problem", "requests", "sectors/request", "sectors KiB", "distinct KiB", "ideal KiB",
                 "bank conflicts", "lanes", "barriers", "mma", fmt::format("roofline us ({})", gpu.name)});
    for (const ProfileCase& profiled : profile_cases()) {
      if (profiled.kernel != name) continue;
      for (const KernelProfile& profile : profiled.run()) {
        if (options.golden)
          fmt::print("{}\n", golden_line(profile));
        else
          table.add(row(profile, gpu));
      }
    }
    if (!options.golden) fmt::print("{}\n{}\n", name, table.to_string());
  }
  if (options.golden) return;
  fmt::print(
      "Counts of the access stream of the source, not time, hit rates or occupancy. Ideal: every array moved once. "
      "Roofline: the\n"
      "longer of moving that and doing the formula's arithmetic in float32 at the data sheet's peaks. Bank conflicts: "
      "passes\n"
      "over the banks to the least possible (1: none; 0: no shared memory).\n");
}

}  // namespace

Action bench_command(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  app.add_option("kernel", options->kernel, "Name of a kernel (default: all)");
  app.add_option("--device", options->device, "sim: the CUDA kernels, counted on the CPU")->capture_default_str();
  app.add_option("--gpu", options->gpu, "GPU of the roofline: A100, H100, H200 or 4090")->capture_default_str();
  app.add_flag("--list", options->list, "List the kernels");
  app.add_flag("--golden", options->golden, "One line per version and problem, as in tests/experiments/golden");
  return [options] { run(*options); };
}

}  // namespace orbitgrad::experiments
