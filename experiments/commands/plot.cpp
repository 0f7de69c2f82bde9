// orbitgrad plot RUN...: the curves of a metric of one or several runs, as SVG and PNG.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "experiments/commands/commands.hpp"
#include "experiments/commands/usage.hpp"
#include "experiments/plot.hpp"
#include "experiments/run_directory.hpp"

namespace orbitgrad::experiments {

namespace {

struct Options {
  std::vector<std::string> runs;
  std::string metric = "loss", kind = "epoch", out = "plot";
};

/// "rotmnist-p4cnn-seed0" of "runs/rotmnist-p4cnn-seed0/".
std::string title_of(const std::string& run) {
  const std::filesystem::path path = std::filesystem::path(run).lexically_normal();
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

void plot(const Options& options) {
  check_choice("orbitgrad plot", "kind", options.kind, {"step", "epoch", "result"});
  std::vector<Curve> curves;
  for (const std::string& run : options.runs) {
    const std::vector<Record> lines = read_metrics(run);
    const std::vector<std::string> names = metric_names(lines, options.kind);
    require(!names.empty(), "plot", "{}: no line is of the kind {} yet. Wait, or choose another --kind.", run,
            options.kind);
    check_choice("orbitgrad plot", "metric", options.metric, names);
    curves.push_back(curve_of(title_of(run), lines, options.kind, options.metric));
    require(!curves.back().points.empty(), "plot", "{}: {} is nowhere a finite number. Choose another --metric.", run,
            options.metric);
  }
  draw(curves, options.metric, options.out);
  fmt::print("{0}.svg and {0}.png: {1} of {2} run(s)\n", options.out, options.metric, curves.size());
}

}  // namespace

Action plot_command(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  app.add_option("RUN", options->runs, "Folders of runs")
      ->required()
      ->expected(1, -1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--metric", options->metric, "What is drawn over the steps")->capture_default_str();
  app.add_option("--kind", options->kind, "From which lines: step or epoch")->capture_default_str();
  app.add_option("--out", options->out, "Where: OUT.svg and OUT.png")->capture_default_str();
  return [options] { plot(*options); };
}

}  // namespace orbitgrad::experiments
