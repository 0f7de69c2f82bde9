// orbitgrad bench-report: the page of measured results, from their JSON files.
#include "experiments/commands/bench_report.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "engine/io/file.hpp"
#include "experiments/bench_report.hpp"

namespace orbitgrad::experiments {

Action bench_report_command(CLI::App& app) {
  struct Options {
    std::string results = "bench/results", out = "bench/REPORT.md";
  };
  const auto options = std::make_shared<Options>();
  app.add_option("--results", options->results, "Folder of JSON files")->capture_default_str();
  app.add_option("--out", options->out, "The page to write")->capture_default_str();
  return [options] {
    write_file_atomically(options->out, bench_report_of_folder(options->results));
    fmt::print("{}\n", options->out);
  };
}

}  // namespace orbitgrad::experiments
