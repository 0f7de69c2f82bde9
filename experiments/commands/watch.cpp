// What a command shows of its inside: --profile, --trace, --check-finite and --memory-limit; and orbitgrad peaks.
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "engine/observe/finite.hpp"
#include "engine/observe/memory.hpp"
#include "engine/observe/peaks.hpp"
#include "engine/observe/trace.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/commands/usage.hpp"

namespace orbitgrad::experiments {

namespace {

struct WatchOptions {
  bool profile = false, check_finite = false;
  std::string trace, memory_limit;
};

void run_watched(const WatchOptions& options, const Action& action) {
  if (!options.memory_limit.empty()) observe::set_memory_limit(observe::parse_bytes(options.memory_limit));
  if (!options.trace.empty()) start_trace(options.trace);
  std::optional<ScopedCheckFinite> finite;
  if (options.check_finite) finite.emplace();
  if (!options.profile) {
    action();
    stop_trace();
    return;
  }
  const observe::Peaks peaks = observe::machine_peaks();
  const auto begin = observe::Clock::now();
  const observe::MemoryWatch memory;
  const observe::Profile profile;
  action();
  stop_trace();
  const double seconds = std::chrono::duration<double>(observe::Clock::now() - begin).count();
  fmt::print("\n{}{:.1f} % of {:.2f} s was spent in kernels.\n\n{}", profile.to_string(peaks),
             100 * profile.seconds() / seconds, seconds, memory.to_string());
}

void print_peaks() {
  const observe::Peaks peaks = observe::remeasure_peaks(observe::peaks_file());
  fmt::print("memory      {:8.1f} GB/s    (triad)\narithmetic  {:8.1f} GFLOP/s (float32, fused multiply-add)\n",
             peaks.gigabytes_per_second, peaks.gigaflops);
}

}  // namespace

Action watched(CLI::App& app, Action action) {
  const auto options = std::make_shared<WatchOptions>();
  app.add_flag(
      "--profile", options->profile,
      "Print time, bandwidth and arithmetic of every op, beside this machine's peaks, and who owns the memory");
  app.add_option("--trace", options->trace, "File for a trace that Chrome and ui.perfetto.dev show");
  app.add_flag("--check-finite", options->check_finite,
               "Stop at the first op that makes a NaN or an infinity, and say where it is (slow)");
  app.add_option("--memory-limit", options->memory_limit, "Most memory of tensors, like 4GiB")
      ->check([](const std::string& text) -> std::string {
        try {
          observe::parse_bytes(text);
          return "";
        } catch (const Error&) {
          return fmt::format("'{}' is no number of bytes, like 4GiB", text);
        }
      });
  return [options, action = std::move(action)] { run_watched(*options, action); };
}

Action peaks_command(CLI::App& app) {
  add_threads_option(app);
  return print_peaks;
}

}  // namespace orbitgrad::experiments
