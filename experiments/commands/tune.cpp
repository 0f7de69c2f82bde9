// orbitgrad tune
#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "engine/error.hpp"
#include "engine/io/file.hpp"
#include "engine/tuning.hpp"
#include "experiments/commands/commands.hpp"
#include "experiments/table.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr const char* direction_names[] = {"forward", "input gradient", "filter gradient"};

struct TuneOptions {
  std::filesystem::path file = tuning_file();
  std::filesystem::path cases;
  double most_gigaflops = 0.5;
};

/// A line of the file of cases; 0 seconds for an implementation that is not measured there.
std::string case_line(const TunedCell& timed) {
  const kernels::GroupConv2dCell& cell = timed.cell;
  return fmt::format("{},{},{},{},{},{},{},{:.4g},{:.4g},{:.4g}\n", direction_names[static_cast<int>(cell.direction)],
                     cell.order, cell.lifts ? 1 : 0, cell.fields, cell.kernel, cell.positions, timed.by_cost,
                     timed.orbit_gather, timed.irrep_blocks, timed.expanded);
}

/// How the two choices compare with the fastest implementation, over the cells of one direction.
struct Summary {
  std::int64_t cells = 0, changed = 0;
  double logarithms = 0, worst = 1;

  void add(const TunedCell& timed) {
    const double share = timed.best() / timed.seconds(timed.by_cost);
    ++cells;
    logarithms += std::log(share);
    worst = std::min(worst, share);
    changed += share < 0.95 ? 1 : 0;
  }
};

void tune(const TuneOptions& options) {
  if (options.file.empty()) fail("tune", "ORBITGRAD_TUNING is off: there is no file to write. Name one with --out.");
  // What cannot be written is told of before the work, not after.
  static_cast<void>(load_tuning(options.file));
  if (!options.cases.empty()) {
    if (std::filesystem::weakly_canonical(options.cases) == std::filesystem::weakly_canonical(options.file))
      fail("tune", "--cases and the table are one file, {}. Name two.", options.file.string());
    write_file_atomically(options.cases, "");
  }
  Summary summaries[3];
  std::int64_t shown = 0;
  std::string cases = "direction,order,lifts,fields,kernel,positions,by_cost,orbit_gather,irrep_blocks,expanded\n";
  const kernels::GroupConv2dTuning tuning = measure_group_conv2d_tuning(
      options.most_gigaflops * 1e9, [&](const TunedCell& timed, std::int64_t done, std::int64_t total) {
        summaries[static_cast<int>(timed.cell.direction)].add(timed);
        cases += case_line(timed);
        if (const std::int64_t percent = 100 * done / total; percent >= shown + 10) {
          fmt::print("tune  {} %\n", percent / 10 * 10);
          std::fflush(stdout);
          shown = percent / 10 * 10;
        }
      });
  save_tuning(options.file, tuning);
  if (!options.cases.empty()) write_file_atomically(options.cases, cases);
  Table table({"direction", "cases", "choice by cost kept", "its speed, of the fastest", "worst"});
  for (int i = 0; i < 3; ++i) {
    const Summary& s = summaries[i];
    table.add({direction_names[i], fmt::format("{}", s.cells), fmt::format("{}", s.cells - s.changed),
               fmt::format("{:.1f} %", 100 * std::exp(s.logarithms / static_cast<double>(s.cells))),
               fmt::format("{:.1f} %", 100 * s.worst)});
  }
  fmt::print("{}\nWritten to {}: group convolutions on this machine choose by it from now on.\n", table.to_string(),
             options.file.string());
}

}  // namespace

Action tune_command(CLI::App& app) {
  const auto options = std::make_shared<TuneOptions>();
  app.add_option("--out", options->file,
                 "File of the table (default: $ORBITGRAD_TUNING, or tuning.txt in the user's cache)");
  app.add_option("--cases", options->cases, "File for the seconds of every implementation in every case, CSV");
  app.add_option("--most-gflop", options->most_gigaflops,
                 "Largest case to measure, by its dense arithmetic; larger ones choose as it does")
      ->capture_default_str()
      ->check(CLI::Range(0.001, 1000.0));
  return [options] { tune(*options); };
}

}  // namespace orbitgrad::experiments
