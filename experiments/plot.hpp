// Curves of runs drawn by gnuplot, as SVG and PNG.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "experiments/record.hpp"

namespace orbitgrad::experiments {

struct Curve {
  std::string title;
  std::vector<std::pair<double, double>> points;
  std::vector<double> deviations = {};  // of each point, drawn as a bar; empty: none
};

struct PlotOptions {
  std::string x_label = "step";
  bool log_x = false, log_y = false;
  /// Names in place of the numbers 0, 1, .. below the axis; the points are then not joined.
  std::vector<std::string> x_names = {};
};

/// The metrics that lines of a kind ("step", "epoch") have beside their step, in order.
std::vector<std::string> metric_names(const std::vector<Record>& lines, const std::string& kind);
/// The metric over the steps of the lines of that kind that have it.
Curve curve_of(std::string title, const std::vector<Record>& lines, const std::string& kind, const std::string& metric);

/// What gnuplot reads to draw the curves into `file` by a terminal, "svg" or "png".
std::string gnuplot_script(const std::vector<Curve>& curves, const std::string& metric, const std::string& terminal,
                           const std::filesystem::path& file, const PlotOptions& options = {});
/// Writes BASE.svg and BASE.png, each as a whole or not at all. Error: gnuplot is not there or fails, or a file cannot
/// be written.
void draw(const std::vector<Curve>& curves, const std::string& metric, const std::filesystem::path& base,
          const PlotOptions& options = {});

}  // namespace orbitgrad::experiments
