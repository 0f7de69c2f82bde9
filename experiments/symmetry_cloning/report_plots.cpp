#include "experiments/symmetry_cloning/report_plots.hpp"

#include <algorithm>
#include <cmath>

#include "engine/error.hpp"
#include "experiments/plot.hpp"

namespace orbitgrad::experiments {

namespace {

/// Draws one plot and remembers it; without gnuplot the rest of the report is still written.
class Plots {
 public:
  explicit Plots(std::filesystem::path out) : out_(std::move(out)) {}

  void add(const std::string& name, const std::string& title, std::vector<Curve> curves, const std::string& y_label,
           const PlotOptions& options) {
    std::erase_if(curves, [](const Curve& curve) { return curve.points.empty(); });
    if (curves.empty() || failed_) return;
    try {
      draw(curves, y_label, out_ / name, options);
      text_ += fmt::format("\n![{0}]({1}.svg)\n", title, name);
    } catch (const Error& error) {
      failed_ = true;
      fmt::print("No plots: {}\n", error.what());
    }
  }
  std::string markdown() const { return text_.empty() ? "" : "\n## Plots\n" + text_; }

 private:
  std::filesystem::path out_;
  std::string text_;
  bool failed_ = false;
};

std::string name_of(const Group& group) {
  const std::string lambda = group.lambda > 0 ? fmt::format(" {:g}", group.lambda) : "";
  const bool usual = group.student.empty() || group.student == "hyper_linear";
  return group.mode + lambda + (usual ? "" : ", " + group.student);
}

std::vector<std::string> tasks_of(const std::vector<Group>& groups) {
  std::vector<std::string> tasks;
  for (const Group& group : groups)
    if (std::ranges::find(tasks, group.task) == tasks.end()) tasks.push_back(group.task);
  return tasks;
}

void draw_accuracy(Plots& plots, const std::string& task, const std::vector<Record>& cells,
                   const std::vector<Group>& groups) {
  Curve original{"original test digits", {}, {}}, moved{"moved test digits", {}, {}},
      ceiling{"invariant ceiling", {}, {}};
  PlotOptions options{.x_label = task};
  for (const Group& group : groups) {
    if (group.task != task) continue;
    const auto add = [&](Curve& curve, const char* name, double offset) {
      const Statistic value = statistic_of(cells, group, name);
      curve.points.emplace_back(static_cast<double>(options.x_names.size()) + offset, 100 * value.mean);
      curve.deviations.push_back(100 * value.deviation);
    };
    add(original, "accuracy_original", -0.1);
    add(moved, "accuracy_moved", 0.1);
    if (const double value = statistic_of(cells, group, "ceiling").mean; value > 0 && value < 1)
      ceiling.points.emplace_back(static_cast<double>(options.x_names.size()), 100 * value);
    options.x_names.push_back(name_of(group));
  }
  plots.add("accuracy-" + task, "accuracy by mode, " + task, {original, moved, ceiling}, "accuracy, %", options);
}

void draw_layers(Plots& plots, const std::string& task, const std::vector<Record>& cells,
                 const std::vector<Group>& groups) {
  PlotOptions options{.x_label = task, .log_y = true};
  std::vector<Curve> curves;
  for (int layer = 1; layer <= 3; ++layer)
    for (const char* when : {"before", "after"}) curves.push_back({fmt::format("layer {} {}", layer, when), {}, {}});
  for (const Group& group : groups) {
    if (group.task != task || statistic_of(cells, group, "equivariance_before_1").count == 0) continue;
    for (std::size_t i = 0; i < curves.size(); ++i) {
      const Statistic value =
          statistic_of(cells, group, fmt::format("equivariance_{}_{}", i % 2 == 0 ? "before" : "after", i / 2 + 1));
      const double offset = 0.1 * (static_cast<double>(i) - 2.5);
      if (value.count > 0 && value.mean > 0)
        curves[i].points.emplace_back(static_cast<double>(options.x_names.size()) + offset, value.mean);
    }
    options.x_names.push_back(name_of(group));
  }
  plots.add("layers-" + task, "equivariance error per layer, " + task, curves, "E", options);
}

/// What a measure does as lambda grows, one curve per task.
Curve over_lambda(const std::string& task, const std::vector<Record>& cells, const std::vector<Group>& groups,
                  const std::string& name, double unit) {
  Curve curve{task, {}, {}};
  std::vector<Group> with_lambda;
  for (const Group& group : groups)
    if (group.task == task && group.lambda > 0 && group.mode == "kl_weight" && group.student == "hyper_linear")
      with_lambda.push_back(group);
  std::ranges::sort(with_lambda, {}, &Group::lambda);
  for (const Group& group : with_lambda) {
    const Statistic value = statistic_of(cells, group, name);
    if (value.count == 0) continue;
    curve.points.emplace_back(group.lambda, unit * value.mean);
    curve.deviations.push_back(unit * value.deviation);
  }
  return curve;
}

void draw_lambda(Plots& plots, const std::vector<std::string>& tasks, const std::vector<Record>& cells,
                 const std::vector<Group>& groups) {
  std::vector<Curve> accuracy, delta;
  for (const std::string& task : tasks) {
    accuracy.push_back(over_lambda(task, cells, groups, "accuracy_moved", 100));
    delta.push_back(over_lambda(task, cells, groups, "delta_after_1", 1));
  }
  const PlotOptions options{.x_label = "lambda", .log_x = true};
  plots.add("lambda-accuracy", "accuracy on moved digits against lambda", accuracy, "accuracy on moved digits, %",
            options);
  plots.add("lambda-delta", "remaining asymmetry of the first layer against lambda", delta, "delta of layer 1",
            options);
}

void draw_clones(Plots& plots, const MatrixOptions& options) {
  std::vector<Curve> curves;
  std::vector<std::string> drawn;
  for (const CellOptions& cell : plan_cells(options)) {
    const models::SkeletonOptions skeleton = cell.full_skeleton();
    const std::string name = fmt::format("{} {}", skeleton.group, cell.clone.student);
    if (!cloning_mode(cell.mode).needs_clone || std::ranges::find(drawn, name) != drawn.end()) continue;
    drawn.push_back(name);
    Progress silent("", nullptr);
    const Clones clones = make_clones(skeleton, cell.clone, Tensor(), options.out / "clones", silent);
    for (std::size_t i = 0; i < clones.layers.size(); ++i) {
      Curve curve{fmt::format("{}, layer {}", name, i + 1), {}, {}};
      for (const auto& [step, nmse] : clones.layers[i].curve)
        if (nmse > 0) curve.points.emplace_back(step + 1, nmse);
      curves.push_back(std::move(curve));
    }
  }
  plots.add("clone-error", "error of the clones against steps", curves, "NMSE",
            {.x_label = "step", .log_x = true, .log_y = true});
}

}  // namespace

std::string draw_plots(const MatrixOptions& options, const std::vector<Record>& cells,
                       const std::vector<Group>& groups) {
  Plots plots(options.out);
  const std::vector<std::string> tasks = tasks_of(groups);
  for (const std::string& task : tasks) draw_accuracy(plots, task, cells, groups);
  draw_lambda(plots, tasks, cells, groups);
  if (options.cell.clone.source == "noise") draw_clones(plots, options);
  for (const std::string& task : tasks) draw_layers(plots, task, cells, groups);
  return plots.markdown();
}

}  // namespace orbitgrad::experiments
