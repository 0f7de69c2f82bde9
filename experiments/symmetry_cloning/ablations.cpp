#include "experiments/symmetry_cloning/ablations.hpp"

#include <algorithm>

#include "engine/error.hpp"
#include "engine/io/file.hpp"
#include "experiments/symmetry_cloning/report_plots.hpp"
#include "experiments/table.hpp"
#include "models/symmetry_cloning/clone_loop.hpp"
#include "nn/nearest_name.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr std::string_view op = "reproduce symmetry-cloning --ablation";

std::vector<std::string> tasks_where(const MatrixOptions& options, const auto& is_meant) {
  std::vector<std::string> tasks;
  for (const std::string& name : options.tasks)
    if (is_meant(cloning_task(name))) tasks.push_back(name);
  return tasks;
}

/// The teacher and its clone on the symmetric tasks: what else there is does not depend on the clone alone.
MatrixOptions of_clones(MatrixOptions options) {
  options.tasks = tasks_where(options, [](const CloningTask& task) { return !task.breaks_symmetry(); });
  options.modes = {"teacher", "frozen"};
  return options;
}

std::vector<AblationVariant> precisions(const MatrixOptions& options) {
  std::vector<AblationVariant> variants;
  for (const double nmse : {1e-1, 1e-2, 1e-4, 1e-6, 1e-12}) {
    variants.push_back({fmt::format("{:.0e}", nmse), of_clones(options)});
    variants.back().matrix.cell.clone.stop_nmse = nmse;
  }
  return variants;
}

std::vector<AblationVariant> sources(const MatrixOptions& options) {
  std::vector<AblationVariant> variants;
  for (const char* source : {"noise", "orbit_augmented", "dataset_noise", "dataset"}) {
    variants.push_back({source, of_clones(options)});
    CloneSettings& clone = variants.back().matrix.cell.clone;
    clone.source = source;
    if (clone.stop_nmse == 0)  // the same of all, where noise alone would be cloned further
      clone.stop_nmse = models::default_stop_nmse(models::student_by_name(clone.student));
  }
  return variants;
}

std::vector<AblationVariant> exchanged_groups(const MatrixOptions& options) {
  std::vector<AblationVariant> variants;
  for (const char* moves : {"t2", "c4"})
    for (const char* group : {"p1", "p4"}) {
      variants.push_back({fmt::format("{}-on-{}", group, moves), options});
      MatrixOptions& matrix = variants.back().matrix;
      matrix.tasks = tasks_where(options, [&](const CloningTask& task) { return task.group == moves; });
      matrix.cell.group = group;
      if (matrix.tasks.empty()) variants.pop_back();
    }
  return variants;
}

std::vector<AblationVariant> data_sets(const MatrixOptions& options) {
  std::vector<AblationVariant> variants;
  const std::filesystem::path& data = options.cell.data.data;
  for (const char* name : {"mnist", "fashion-mnist", "cifar-10-batches-bin", "cifar10-subset"})
    for (const std::filesystem::path& folder : {data / name, data / "images" / name}) {
      if (data.empty() || !std::filesystem::is_directory(folder)) continue;
      variants.push_back({name, options});
      TaskDataOptions& images = variants.back().matrix.cell.data;
      images.data = folder;
      images = at_most_available(images);
    }
  require(!data.empty(), op, "the ablation of data compares sets of images. Name the folder of theirs with --data.");
  require(!variants.empty(), op,
          "'{}' has no folder mnist, fashion-mnist, cifar-10-batches-bin or cifar10-subset. Name theirs with --data.",
          data.string());
  return variants;
}

bool runs(const MatrixOptions& matrix, const std::string& task) {
  return std::ranges::find(matrix.tasks, task) != matrix.tasks.end();
}

std::string json_of(const std::vector<Record>& rows) {
  std::string text = "[";
  for (std::size_t i = 0; i < rows.size(); ++i) text += (i == 0 ? "\n  " : ",\n  ") + rows[i].to_json();
  return text + "\n]\n";
}

std::string small(const Statistic& value) { return value.count == 0 ? "-" : fmt::format("{:.2g}", value.mean); }

}  // namespace

const std::vector<std::string>& ablation_names() {
  static const std::vector<std::string> names{"precision", "source", "group", "data"};
  return names;
}

std::vector<AblationVariant> plan_ablation(std::string_view name, const MatrixOptions& options) {
  require(!options.students.empty(), op, "there is no student. Name one.");
  MatrixOptions shared = options;
  shared.students.resize(1);
  shared.closed_forms = false;
  shared.lambdas = {cloning_mode("kl_weight").default_lambda->kept};  // init is what lets go
  shared.modes = {"teacher", "frozen", "kl_weight", "init", "mlp"};
  std::vector<AblationVariant> variants;
  if (name == "precision")
    variants = precisions(shared);
  else if (name == "source")
    variants = sources(shared);
  else if (name == "group")
    variants = exchanged_groups(shared);
  else if (name == "data")
    variants = data_sets(shared);
  else
    nn::fail_unknown_name(op, "ablation", name, ablation_names());
  for (AblationVariant& variant : variants) {
    require(!variant.matrix.tasks.empty(), op, "no task is left for '{}'. Name t2-sym or c4-sym with --tasks.", name);
    variant.matrix.out = options.out / "ablations" / name / variant.name;
  }
  return variants;
}

void run_ablation(std::string_view name, const MatrixOptions& options) {
  Table table({"variant", "task", "mode", "lambda", "NMSE of the clone", "E of layer 1", "E of digits, layer 1",
               "original, %", "moved, %", "training, test images", "seeds"});
  std::vector<Record> rows;
  const std::vector<AblationVariant> variants = plan_ablation(name, options);
  for (const AblationVariant& variant : variants)  // before the first of them runs
    for (const CellOptions& cell : plan_cells(variant.matrix)) check_cell(cell);
  for (const std::string& task : options.tasks)
    if (std::ranges::none_of(variants, [&](const AblationVariant& variant) { return runs(variant.matrix, task); }))
      fmt::print("{}: {} is left out: the ablation compares clones where the symmetry is kept\n", name, task);
  for (const AblationVariant& variant : variants) {
    fmt::print("{}: {}\n", name, variant.name);
    const std::vector<Record> cells = run_matrix(variant.matrix);
    for (const Group& group : groups_of(cells)) {
      const auto of = [&](const char* what) { return statistic_of(cells, group, what); };
      table.add({variant.name, group.task, group.mode, group.lambda > 0 ? fmt::format("{:g}", group.lambda) : "-",
                 small(of("nmse")), small(of("equivariance_before_1")), small(of("equivariance_digits_before_1")),
                 percent(of("accuracy_original")), percent(of("accuracy_moved")),
                 fmt::format("{:.0f}, {:.0f}", of("train_digits").mean, of("test_digits").mean),
                 fmt::format("{}", of("accuracy_moved").count)});
      Record row{{"variant", variant.name}, {"task", group.task}, {"mode", group.mode}, {"lambda", group.lambda}};
      row.set("train_digits", of("train_digits").mean).set("test_digits", of("test_digits").mean);
      for (const char* what :
           {"nmse", "equivariance_before_1", "equivariance_digits_before_1", "accuracy_original", "accuracy_moved"})
        if (const Statistic value = of(what); value.count > 0)
          row.set(what, value.mean).set(std::string(what) + "_deviation", value.deviation).set("seeds", value.count);
      rows.push_back(std::move(row));
    }
  }
  const std::filesystem::path folder = options.out / "ablations" / name;
  const std::string text =
      fmt::format("# Symmetry cloning: {}\n\n{}Each variant differs from this in what its name says.\n\n{}", name,
                  setting_line(options.cell, options.seeds), table.to_markdown());
  write_file_atomically(folder / "results.md", text);
  write_file_atomically(folder / "results.json", json_of(rows));
  fmt::print("\n{}\nWritten: {}/results.md and results.json\n", text, folder.string());
}

}  // namespace orbitgrad::experiments
