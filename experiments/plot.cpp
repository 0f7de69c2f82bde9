#include "experiments/plot.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/error.hpp"
#include "engine/io/file.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr std::string_view op = "plot";

/// The number of that name, or NaN.
double number_in(const Record& line, const std::string& name) {
  const Value* value = line.find(name);
  return value == nullptr ? NAN : number_of(*value).value_or(NAN);
}

bool is_of_kind(const Record& line, const std::string& kind) {
  const Value* found = line.find("kind");
  return found != nullptr && to_string(*found) == kind;
}

/// Text between gnuplot's single quotes, where only the quote itself is special.
std::string in_quotes(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') result += '\'';
    result += c == '\n' ? ' ' : c;
  }
  return result += "'";
}

/// Removes the file at the end of the scope.
struct Scratch {
  std::filesystem::path path;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
};

/// Runs gnuplot on the script and gives what it complains about.
std::string run_gnuplot(const std::filesystem::path& script, const std::filesystem::path& complaints) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, complaints.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  std::string program = "gnuplot", file = script.string();
  char* const arguments[] = {program.data(), file.data(), nullptr};
  pid_t child = 0;
  const int failed = posix_spawnp(&child, "gnuplot", &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  require(failed == 0, op, "gnuplot cannot be started: {}. Install it (Debian package gnuplot-nox).",
          std::strerror(failed));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  require(!WIFEXITED(status) || WEXITSTATUS(status) != 127, op,
          "gnuplot cannot be started. Install it (Debian package gnuplot-nox).");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  const std::string text = read_file(complaints);
  return text.empty() ? "it was stopped" : text;
}

void draw_one(const std::vector<Curve>& curves, const std::string& metric, const std::string& terminal,
              const std::filesystem::path& base, const PlotOptions& options) {
  std::filesystem::path target = base;
  target += "." + terminal;
  const auto beside = [&](const char* ending) {
    std::filesystem::path path = target;
    path += fmt::format(".unfinished-{}{}", ::getpid(), ending);
    return Scratch{path};
  };
  const Scratch script = beside(".gp"), complaints = beside(".log"), picture = beside("");
  write_file_atomically(script.path, gnuplot_script(curves, metric, terminal, picture.path, options));
  std::string complaint = run_gnuplot(script.path, complaints.path);
  std::ranges::replace(complaint, '\n', ' ');
  require(complaint.empty(), op, "gnuplot could not draw {}: {}. Check that it has the terminal {}.", target.string(),
          complaint, terminal);
  write_file_atomically(target, read_file(picture.path));
}

}  // namespace

std::vector<std::string> metric_names(const std::vector<Record>& lines, const std::string& kind) {
  std::vector<std::string> names;
  for (const Record& line : lines) {
    if (!is_of_kind(line, kind)) continue;
    for (const auto& [name, value] : line.entries())
      if (name != "step" && number_of(value) && std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

Curve curve_of(std::string title, const std::vector<Record>& lines, const std::string& kind,
               const std::string& metric) {
  Curve curve{std::move(title), {}};
  for (const Record& line : lines) {
    const double x = number_in(line, "step"), y = number_in(line, metric);
    if (is_of_kind(line, kind) && std::isfinite(x) && std::isfinite(y)) curve.points.emplace_back(x, y);
  }
  return curve;
}

std::string gnuplot_script(const std::vector<Curve>& curves, const std::string& metric, const std::string& terminal,
                           const std::filesystem::path& file, const PlotOptions& options) {
  std::string text = fmt::format(
      "set terminal {} size 900,600 noenhanced\nset output {}\nset xlabel {}\nset ylabel {}\nset grid\n"
      "set key outside below\n",
      terminal == "png" ? "pngcairo" : "svg", in_quotes(file.string()), in_quotes(options.x_label), in_quotes(metric));
  if (options.log_x) text += "set logscale x\n";
  if (options.log_y) text += "set logscale y\nset format y '%.0e'\n";
  if (!options.x_names.empty()) {
    std::string names;
    for (std::size_t i = 0; i < options.x_names.size(); ++i)
      names += fmt::format("{}{} {}", i == 0 ? "" : ", ", in_quotes(options.x_names[i]), i);
    text += fmt::format("set xtics rotate by -30 ({})\nset xrange [-0.5:{}]\n", names,
                        static_cast<double>(options.x_names.size()) - 0.5);
  }
  std::string plots;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    text += fmt::format("$curve{} << END\n", i);
    for (std::size_t k = 0; k < curves[i].points.size(); ++k) {
      text += fmt::format("{} {}", curves[i].points[k].first, curves[i].points[k].second);
      text += curves[i].deviations.empty() ? "\n" : fmt::format(" {}\n", curves[i].deviations[k]);
    }
    text += "END\n";
    if (i > 0) plots += ", ";
    const std::string title = in_quotes(curves[i].title);
    const bool joined = options.x_names.empty(), bars = !curves[i].deviations.empty();
    if (bars)
      plots += fmt::format("$curve{} using 1:2:3 with yerrorbars linecolor {} pointtype 7 pointsize 0.7 {}", i, i + 1,
                           joined ? "notitle, " : "title " + title);
    if (joined || !bars)
      plots += fmt::format("$curve{} using 1:2 with {} linecolor {} title {}", i,
                           joined ? "linespoints pointsize 0.3" : "points pointtype 7 pointsize 0.8", i + 1, title);
  }
  return text + "plot " + plots + "\n";
}

void draw(const std::vector<Curve>& curves, const std::string& metric, const std::filesystem::path& base,
          const PlotOptions& options) {
  for (const char* terminal : {"svg", "png"}) draw_one(curves, metric, terminal, base, options);
}

}  // namespace orbitgrad::experiments
