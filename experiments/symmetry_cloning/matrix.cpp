#include "experiments/symmetry_cloning/matrix.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "engine/error.hpp"
#include "engine/io/file.hpp"
#include "experiments/symmetry_cloning/closed_forms.hpp"
#include "experiments/symmetry_cloning/cost.hpp"
#include "experiments/symmetry_cloning/report.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr std::string_view op = "reproduce symmetry-cloning";

bool is_conditional(const std::string& student) { return student == "hyper_linear" || student == "concatenating"; }

std::vector<double> lambdas_of(const MatrixOptions& options, const CloningMode& mode, bool is_first) {
  if (!mode.has_lambda) return {0};
  if (is_first || options.lambdas.empty()) return options.lambdas;
  return {options.lambdas[options.lambdas.size() / 2]};
}

std::filesystem::path file_of(const std::filesystem::path& out, const CellOptions& cell) {
  return out / "cells" / (name_of(cell) + ".json");
}

/// All that decides a cell; the digits are known by what they are, not by where they lie.
Record identity_of(const CellOptions& cell, const std::string& data_fingerprint) {
  Record settings = settings_of(cell);
  settings.set("data_fingerprint", data_fingerprint);
  return settings;
}

/// A finished cell, or nothing. Error: it is of another configuration.
std::optional<Record> read_cell(const std::filesystem::path& out, const CellOptions& cell,
                                const std::string& data_fingerprint) {
  const std::filesystem::path file = file_of(out, cell);
  if (!std::filesystem::exists(file)) return {};
  const Record record = Record::from_json(read_file(file), file.string());
  const Record settings = identity_of(cell, data_fingerprint);
  std::string differences;
  for (const auto& [name, value] : settings.entries()) {
    const Value* found = record.find(name);
    if (name == "data" || (found != nullptr && *found == value)) continue;
    differences += fmt::format("{}{} is {}, now {}", differences.empty() ? "" : "; ", name,
                               found == nullptr ? "absent" : to_string(*found), to_string(value));
  }
  require(differences.empty(), op, "{}: this cell is of another configuration ({}). Give another --out.", file.string(),
          differences);
  return record;
}

std::string summary_of(const CellOptions& cell, const Record& record) {
  return fmt::format("{}: accuracy {:.2f} %, moved {:.2f} %, {}", name_of(cell),
                     100 * record.number("accuracy_original"), 100 * record.number("accuracy_moved"),
                     duration_text(record.number("seconds")));
}

/// Runs the cells that are not there and gives all, in order.
class Matrix {
 public:
  Matrix(const MatrixOptions& options, const std::vector<CellOptions>& cells)
      : options_(options),
        cells_(cells),
        digits_(load_task_digits(options.cell.data)),
        fingerprint_(fingerprint(digits_)) {
    for (const CellOptions& cell : cells_) records_.push_back(read_cell(options_.out, cell, fingerprint_));
  }

  void announce() {
    std::map<std::string, double> cost;  // of one cell of a kind
    std::set<std::filesystem::path> cloned;
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      const CellOptions& cell = cells_[i];
      if (records_[i]) {
        estimates_.push_back(0);
        continue;
      }
      ++left_;
      const std::string kind = cell.full_skeleton().group + cell.mode + cell.clone.student;
      if (!cost.contains(kind)) cost[kind] = estimate_cell_seconds(cell, data_of(cell));
      double seconds = cost[kind];
      if (cloning_mode(cell.mode).needs_clone) {
        const std::string clone = "clone" + cell.full_skeleton().group + cell.clone.student +
                                  (cell.clone.has_closed_rate() ? "" : " to the limit");
        const auto file = clone_file(cell.full_skeleton(), cell.clone, cloning_images(cell, data_of(cell)), clones());
        if (cloned.insert(file).second && !std::filesystem::exists(file)) {
          if (!cost.contains(clone)) cost[clone] = estimate_clone_seconds(cell);
          seconds += cost[clone];
        }
      }
      estimates_.push_back(seconds);
      seconds_left_ += seconds;
    }
    fmt::print("{} cells, {} of them done; about {} are left.\n", cells_.size(), cells_.size() - left_,
               duration_text(seconds_left_));
    std::fflush(stdout);
  }

  std::vector<Record> run() {
    std::vector<Record> finished;
    double estimated = 0, taken = 0;
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      if (!records_[i]) {
        records_[i] = run_one(i);
        estimated += estimates_[i];
        taken += records_[i]->number("seconds");
        seconds_left_ -= estimates_[i];
        const double scale = estimated > 0 ? taken / estimated : 1;  // the machine as it is, not as it was
        fmt::print("[{}/{}] {}; {} left\n", i + 1, cells_.size(), summary_of(cells_[i], *records_[i]),
                   duration_text(scale * seconds_left_));
        std::fflush(stdout);
      }
      finished.push_back(*records_[i]);
    }
    return finished;
  }

 private:
  const TaskData& data_of(const CellOptions& cell) {
    if (data_ == nullptr || data_->task().name != cell.task || data_->options().seed != cell.data.seed)
      data_ = std::make_unique<TaskData>(cloning_task(cell.task), cell.data, digits_);
    return *data_;
  }

  std::filesystem::path clones() const { return options_.out / "clones"; }

  Record run_one(std::size_t i) {
    const CellOptions& cell = cells_[i];
    const auto begin = std::chrono::steady_clock::now();
    if (cloning_mode(cell.mode).needs_clone) {  // told of even where the steps of training are not
      Progress told("", stdout);
      (void)make_clones(cell.full_skeleton(), cell.clone, cloning_images(cell, data_of(cell)), clones(), told);
    }
    // On a terminal a line that moves; elsewhere the lines of clones and cells say enough.
    Progress progress(fmt::format("[{}/{}] {} {}", i + 1, cells_.size(), cell.task, cell.mode),
                      Progress::is_terminal(stdout) ? stdout : nullptr);
    Record record = identity_of(cell, fingerprint_);
    add_all(record, run_cell(cell, data_of(cell), clones(), nullptr, progress));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    record.set("seconds", seconds);
    write_file_atomically(file_of(options_.out, cell), record.to_json(true) + "\n");
    return record;
  }

  const MatrixOptions& options_;
  const std::vector<CellOptions>& cells_;
  Mnist digits_;
  std::string fingerprint_;
  std::unique_ptr<TaskData> data_;
  std::vector<std::optional<Record>> records_;
  std::vector<double> estimates_;
  std::size_t left_ = 0;
  double seconds_left_ = 0;
};

}  // namespace

MatrixOptions quick_matrix(MatrixOptions options) {
  options.cell.data.side = 14;
  options.cell.data.train_count = 10000;
  options.cell.training.epochs = 5;
  options.lambdas = {1e-4, 1e-2, 1};
  options.students = {"hyper_linear"};
  options.seeds = 1;
  return options;
}

std::vector<CellOptions> plan_cells(const MatrixOptions& options) {
  std::vector<CellOptions> cells;
  for (std::int64_t seed = 0; seed < options.seeds; ++seed)
    for (const std::string& task : options.tasks)
      for (std::size_t student = 0; student < options.students.size(); ++student)
        for (const std::string& name : options.modes) {
          const CloningMode& mode = cloning_mode(name);
          if (student > 0 && !mode.has_students) continue;
          for (const double lambda : lambdas_of(options, mode, student == 0)) {
            CellOptions cell = options.cell;
            cell.task = task;
            cell.mode = name;
            cell.lambda = lambda;
            cell.clone.student = options.students[student];
            cell.clone.mode = is_conditional(cell.clone.student) ? "conditional" : "fixed_tau";
            cell.training.seed = cell.clone.seed = static_cast<std::uint64_t>(seed);
            cells.push_back(cell);
          }
        }
  return cells;
}

std::string name_of(const CellOptions& cell) {
  const std::string lambda = cell.lambda > 0 ? fmt::format("-lambda{:g}", cell.lambda) : "";
  const std::string student = cloning_mode(cell.mode).has_students ? "-" + cell.clone.student : "";
  return fmt::format("{}-{}{}{}-seed{}", cell.task, cell.mode, lambda, student, cell.training.seed);
}

std::vector<Record> run_matrix(const MatrixOptions& options) {
  require(options.seeds > 0, op, "{} seeds are asked for. Take one or more.", options.seeds);
  const std::vector<CellOptions> cells = plan_cells(options);
  require(!cells.empty(), op, "there is nothing to run. Give tasks, modes and students.");
  std::set<std::string> names;
  for (const CellOptions& cell : cells) {
    check_cell(cell);
    require(names.insert(name_of(cell)).second, op,
            "{} is asked for twice. Name each task, mode, student and lambda once.", name_of(cell));
  }
  std::filesystem::create_directories(options.out / "cells");
  const FolderLock lock(options.out);
  Matrix matrix(options, cells);
  matrix.announce();
  return matrix.run();
}

void reproduce_symmetry_cloning(const MatrixOptions& options) {
  const std::vector<Record> cells = run_matrix(options);
  const std::vector<Record> closed =
      options.closed_forms
          ? measure_closed_forms(options.cell.data, cells.front().text("data_fingerprint"), options.out)
          : std::vector<Record>{};
  write_report(options, cells, closed);
}

}  // namespace orbitgrad::experiments
