// Every registered version of the hand-written kernels on a device, by name: verified against the cpu, then timed on a
// GPU, with the libraries beside them. On the simulator results are verified and nothing is timed.
//
//   build/bench/device_kernels --device cuda --out kernels.json
//   build/bench/device_kernels --device sim
//
// Counters: us (median), us_low, us_high of 9 samples; GB/s of the bytes the formula must move (every array once) and
// its share of a copy of 256 MB; GFLOP/s of the formula and its share of the library's 4096^3 product in float32;
// difference from the cpu relative to the largest element.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>

#include "bench/device/case.hpp"
#include "bench/device/clock.hpp"
#include "bench/device/report.hpp"
#include "engine/device.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/launch_error.hpp"

namespace orbitgrad::bench {
namespace {

struct Options {
  std::string device = "cuda", out, kernel, version, shape;
  bool small = false, verify_only = false, launch_only = false, own = false, list = false;
  double seconds = 1e9;
};

/// What a GPU can do at best, measured: 0 where nothing is timed.
struct Peaks {
  double bytes_per_second = 0, flops_per_second = 0;
};

Peaks measure_peaks(DeviceKind device) {
  constexpr std::int64_t size = 4096;
  Peaks peaks{copy_bytes_per_second(device, std::int64_t{256} << 20), 0};
  const auto p = kernels::dense_gemm(size, size, size);
  const auto* product = kernels::Registry<kernels::Gemm<float>>::best(device, p);
  const kernels::DeviceScratch a(device, 4 * size * size), b(device, 4 * size * size), c(device, 4 * size * size);
  const std::vector<float> zeros(static_cast<std::size_t>(size * size), 0.5F);
  for (const auto* operand : {&a, &b})
    kernels::device_memory(device)->copy_to_device(operand->as<void>(), zeros.data(), 4 * size * size);
  const auto times = time_calls(
      device, [&](std::int64_t) { product->launch(p, a.as<float>(), b.as<float>(), c.as<float>()); }, 9, 0.02);
  peaks.flops_per_second = p.flops() / times.median();
  return peaks;
}

class Run {
 public:
  Run(const Options& options, DeviceKind device)
      : options_(options),
        device_(device),
        timed_(device == DeviceKind::cuda && !options.verify_only && !options.launch_only),
        report_("device_kernels", device, options.out) {
    if (!timed_) return;
    try {
      peaks_ = measure_peaks(device);
    } catch (const std::exception& error) {
      report_.add_error("copy and product", error.what());
    }
    report_.context()["copy_GB/s"] = peaks_.bytes_per_second * 1e-9;
    report_.context()["product_GFLOP/s"] = peaks_.flops_per_second * 1e-9;
  }

  void run(const Case& problem) {
    if (!options_.kernel.empty() && problem.kernel != options_.kernel) return;
    if (!options_.shape.empty() && problem.shape != options_.shape) return;
    const std::string where = problem.kernel + "/" + problem.shape;
    if (elapsed() > options_.seconds) return report_.leave_out(where);
    try {
      Buffers buffers(device_, problem);
      for (const Candidate& candidate : problem.candidates(device_))
        if ((options_.version.empty() || candidate.name == options_.version) && !(options_.own && candidate.library))
          run(problem, buffers, candidate);
    } catch (const std::exception& error) {
      report_.add_error(where, error.what());
    }
  }

  int errors() const { return report_.errors(); }

 private:
  double elapsed() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

  void run(const Case& problem, Buffers& buffers, const Candidate& candidate) {
    const std::string label =
        fmt::format("{}/{}/{}/{}", problem.kernel, problem.shape, candidate.name, orbitgrad::name(device_));
    try {
      if (options_.launch_only) {  // for a profiler: nothing but the launch
        candidate.launch(buffers.on_device(0));
        kernels::device_memory(device_)->synchronize();
        return report_.add({{"name", label}});
      }
      const double difference = buffers.difference(candidate);
      if (!(difference <= problem.tolerance))
        return report_.add_error(label, fmt::format("differs from the cpu by {:.2e}", difference));
      nlohmann::json entry{{"name", label}, {"difference", difference}, {"library", candidate.library}};
      if (timed_) add_times(entry, problem, buffers, candidate);
      report_.add(std::move(entry));
    } catch (const std::exception& error) {
      report_.add_error(label, error.what());
    }
  }

  void add_times(nlohmann::json& entry, const Case& problem, Buffers& buffers, const Candidate& candidate) const {
    const Samples times = time_calls(device_, [&](std::int64_t call) {
      candidate.launch(buffers.on_device(static_cast<int>(call % buffers.sets())));
    });
    const double bytes = problem.cost.bytes / times.median(), flops = problem.cost.flops / times.median();
    entry["real_time"] = entry["us"] = times.median() * 1e6;
    entry["time_unit"] = "us";
    entry["us_low"] = times.lowest() * 1e6;
    entry["us_high"] = times.highest() * 1e6;
    entry["GB/s"] = bytes * 1e-9;
    entry["GFLOP/s"] = flops * 1e-9;
    if (peaks_.bytes_per_second > 0) entry["share_of_copy"] = bytes / peaks_.bytes_per_second;
    if (peaks_.flops_per_second > 0) entry["share_of_product"] = flops / peaks_.flops_per_second;
  }

  const Options& options_;
  DeviceKind device_;
  bool timed_;
  Report report_;
  Peaks peaks_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

int run_all(const Options& options) {
  const DeviceKind device = parse_device(options.device);
  const bool full = device == DeviceKind::cuda && !options.small;
  std::vector<Case> cases = product_cases(full);
  for (const auto make : {memory_cases, layer_cases, orbit_cases, order_cases, linear_algebra_cases}) {
    const auto more = make(full);
    cases.insert(cases.end(), more.begin(), more.end());
  }
  if (options.list) {
    for (const Case& problem : cases) fmt::print("{} {}\n", problem.kernel, problem.shape);
    return 0;
  }
  Run run(options, device);
  for (const Case& problem : cases) run.run(problem);
  return run.errors() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace orbitgrad::bench

int main(int argc, char** argv) {
  orbitgrad::bench::Options options;
  CLI::App app("Every version of the hand-written kernels on a device: verified, and timed on a GPU");
  app.add_option("--device", options.device, "cuda or sim")
      ->capture_default_str()
      ->check(CLI::IsMember({"cuda", "sim"}));
  app.add_option("--out", options.out, "JSON file");
  app.add_option("--kernel", options.kernel, "Only this kernel");
  app.add_option("--shape", options.shape, "Only this problem");
  app.add_option("--version", options.version, "Only this version");
  app.add_option("--seconds", options.seconds, "Leave out the cases that would begin later");
  app.add_flag("--small", options.small, "The small problems of the simulator, also on a GPU");
  app.add_flag("--verify-only", options.verify_only, "No timing");
  app.add_flag("--launch-only", options.launch_only, "One launch, neither verified nor timed: for a profiler");
  app.add_flag("--own", options.own, "Without the libraries' versions");
  app.add_flag("--list", options.list, "List kernels and problems");
  CLI11_PARSE(app, argc, argv);
  try {
    return orbitgrad::bench::run_all(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 2;
  }
}
