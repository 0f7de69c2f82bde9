#include "experiments/symmetry_cloning/report.hpp"

#include <algorithm>
#include <cmath>

#include "engine/error.hpp"
#include "engine/io/file.hpp"
#include "experiments/symmetry_cloning/report_plots.hpp"
#include "experiments/table.hpp"

namespace orbitgrad::experiments {

namespace {

using Cells = std::vector<const Record*>;

std::string task_of(const Record& cell) {
  return cell.text("experiment").substr(cell.text("experiment").find('/') + 1);
}

/// The cells of a task and mode, with a student and lambda; those without a student run under the first one.
Cells cells_of(const std::vector<Record>& cells, const std::string& task, const std::string& mode,
               const std::string& student, double lambda) {
  Cells found;
  for (const Record& cell : cells)
    if (task_of(cell) == task && cell.text("mode") == mode && (student.empty() || cell.text("student") == student) &&
        cell.number("lambda") == lambda)
      found.push_back(&cell);
  return found;
}

std::string small(const Statistic& value) { return value.count == 0 ? "-" : fmt::format("{:.2g}", value.mean); }

/// E or delta of all layers: "1.7e-06, 2e-06, 3.1e-06".
std::string of_layers(const Cells& cells, const std::string& what) {
  std::string text;
  for (int layer = 1; layer <= 8; ++layer) {
    const Statistic value = statistic_of(cells, fmt::format("{}_{}", what, layer));
    if (value.count > 0) text += (text.empty() ? "" : ", ") + small(value);
  }
  return text.empty() ? "-" : text;
}

std::string accuracy_tables(const std::vector<Group>& groups, const std::vector<Record>& cells) {
  std::string text;
  std::string task;
  Table table({});
  const auto flush = [&] {
    if (!task.empty()) text += table.to_markdown() + "\n";
  };
  for (const Group& group : groups) {
    if (group.task != task) {
      flush();
      task = group.task;
      table = Table({"mode", "student", "lambda", "original, %", "moved, %", "gap, points", "consistency, %", "seeds"});
      const Cells any = cells_of(cells, task, group.mode, group.student, group.lambda);
      text += fmt::format("### {}\n\nInvariant ceiling: {:.2f} %.\n\n", task, 100 * any.front()->number("ceiling"));
    }
    const Cells some = cells_of(cells, group.task, group.mode, group.student, group.lambda);
    const Statistic original = statistic_of(some, "accuracy_original"), moved = statistic_of(some, "accuracy_moved");
    table.add({group.mode, group.student_text, group.lambda > 0 ? fmt::format("{:g}", group.lambda) : "-",
               percent(original), percent(moved), fmt::format("{:.2f}", 100 * (original.mean - moved.mean)),
               percent(statistic_of(some, "consistency")), fmt::format("{}", moved.count)});
  }
  flush();
  return text;
}

/// Whether its layers were measured.
bool has_layers(const std::vector<Record>& cells, const Group& group) {
  return statistic_of(cells, group, "equivariance_before_1").count > 0;
}

std::string layer_table(const std::vector<Group>& groups, const std::vector<Record>& cells) {
  Table table({"task", "mode", "student", "lambda", "NMSE of the clone", "E before", "E after", "E of digits before",
               "E of digits after", "delta before", "delta after"});
  for (const Group& group : groups) {
    if (!has_layers(cells, group)) continue;
    const Cells some = cells_of(cells, group.task, group.mode, group.student, group.lambda);
    table.add({group.task, group.mode, group.student_text, group.lambda > 0 ? fmt::format("{:g}", group.lambda) : "-",
               small(statistic_of(some, "nmse")), of_layers(some, "equivariance_before"),
               of_layers(some, "equivariance_after"), of_layers(some, "equivariance_digits_before"),
               of_layers(some, "equivariance_digits_after"), of_layers(some, "delta_before"),
               of_layers(some, "delta_after")});
  }
  return table.to_markdown();
}

std::string criteria_table(const std::vector<Record>& criteria) {
  Table table({"criterion", "measured", "expected", "holds"});
  for (const Record& row : criteria)
    table.add(
        {row.text("what"), fmt::format("{:.4g}", row.number("measured")), row.text("expected"), row.text("holds")});
  return table.to_markdown();
}

std::string json_list(const std::vector<Record>& records) {
  std::string text = "[";
  for (std::size_t i = 0; i < records.size(); ++i) text += (i == 0 ? "\n    " : ",\n    ") + records[i].to_json();
  return text + "\n  ]";
}

}  // namespace

Statistic statistic_of(const std::vector<const Record*>& records, const std::string& name) {
  std::vector<double> values;
  for (const Record* record : records)
    if (const Value* value = record->find(name); value != nullptr)
      if (const double number = number_of(*value).value_or(NAN); std::isfinite(number)) values.push_back(number);
  Statistic result{.count = static_cast<std::int64_t>(values.size())};
  for (const double value : values) result.mean += value / static_cast<double>(values.size());
  if (values.size() < 2) return result;
  for (const double value : values) result.deviation += (value - result.mean) * (value - result.mean);
  result.deviation = std::sqrt(result.deviation / static_cast<double>(values.size() - 1));
  return result;
}

std::string percent(const Statistic& value) {
  if (value.count == 0) return "-";
  return value.count == 1 ? fmt::format("{:.2f}", 100 * value.mean)
                          : fmt::format("{:.2f} ± {:.2f}", 100 * value.mean, 100 * value.deviation);
}

std::string setting_line(const CellOptions& cell, std::int64_t seeds) {
  const auto side = [&](const char* task) {
    CellOptions of_task = cell;
    of_task.task = task;
    const std::int64_t kernel = of_task.full_skeleton().kernel;
    return fmt::format("{} x {}", kernel, kernel);
  };
  return fmt::format(
      "{} digits of side {}, {}{}teachers of {} (shifts) and {} (turns), clones of {}, {} epochs of batches of {}, "
      "Adam "
      "{:g} ({}; theta at {:g} of it), s = {:g}, up to {} seed(s). Numbers are means and deviations over the seeds.\n",
      cell.data.train_count == 0 ? "All" : with_thousands(cell.data.train_count), cell.data.side,
      cell.data.wrap ? "shifts go round, " : "", cell.skeleton.strict ? "strict (circular, no pooling), " : "",
      side("t2-sym"), side("c4-sym"), cell.clone.source, cell.training.epochs, cell.training.batch_size,
      cell.training.learning_rate, cell.training.schedule, cell.theta_rate, cell.prior_deviation, seeds);
}

std::vector<Group> groups_of(const std::vector<Record>& cells) {
  std::vector<Group> groups;
  for (const Record& cell : cells) {
    const std::string mode = cell.text("mode");
    const bool has_student = cloning_mode(mode).has_students;
    const Group group{task_of(cell), mode, has_student ? cell.text("student") : "",
                      has_student ? cell.text("student") : "-", cell.number("lambda")};
    if (std::ranges::find(groups, group) == groups.end()) groups.push_back(group);
  }
  std::ranges::stable_sort(groups, {}, &Group::task);
  return groups;
}

Statistic statistic_of(const std::vector<Record>& cells, const Group& group, const std::string& name) {
  return statistic_of(cells_of(cells, group.task, group.mode, group.student, group.lambda), name);
}

void write_report(const MatrixOptions& options, const std::vector<Record>& cells,
                  const std::vector<Record>& closed_forms) {
  const std::vector<Group> groups = groups_of(cells);
  std::vector<Record> criteria = judge(cells);
  const std::string plots = draw_plots(options, cells, groups);
  const std::string text = "# Symmetry cloning\n\n" + setting_line(options.cell, options.seeds) + "\n## Criteria\n\n" +
                           criteria_table(criteria) +
                           (closed_forms.empty() ? "" : "\n## Closed forms\n\n" + criteria_table(closed_forms)) +
                           "\n## Accuracy\n\n" + accuracy_tables(groups, cells) + "## Symmetry of the layers\n\n" +
                           layer_table(groups, cells) + plots;
  std::vector<Record> summary;
  for (const Group& group : groups) {
    Record line{{"task", group.task}, {"mode", group.mode}, {"student", group.student}, {"lambda", group.lambda}};
    for (const char* name : {"accuracy_original", "accuracy_moved", "consistency"}) {
      const Statistic value = statistic_of(cells, group, name);
      line.set(name, value.mean).set(std::string(name) + "_deviation", value.deviation).set("seeds", value.count);
    }
    summary.push_back(std::move(line));
  }
  write_file_atomically(options.out / "results.md", text);
  write_file_atomically(
      options.out / "results.json",
      fmt::format("{{\n  \"criteria\": {},\n  \"closed_forms\": {},\n  \"summary\": {},\n  "
                  "\"cells\": {}\n}}\n",
                  json_list(criteria), json_list(closed_forms), json_list(summary), json_list(cells)));
  fmt::print("\n{}\nWritten: {}/results.md, results.json and plots\n", text, options.out.string());
}

}  // namespace orbitgrad::experiments
