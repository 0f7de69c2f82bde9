#include "experiments/symmetry_cloning/cell.hpp"

#include <cmath>

#include "engine/autograd/node.hpp"
#include "engine/error.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/tuning.hpp"
#include "experiments/symmetry_cloning/symmetry_left.hpp"
#include "groups/lattice_group.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr std::string_view op = "cloning";

/// The largest logit of each image.
std::vector<std::int64_t> answers_of(nn::Module& module, const Tensor& images) {
  const NoGrad no_grad;
  constexpr std::int64_t batch = 256;
  std::vector<std::int64_t> answers;
  for (std::int64_t begin = 0; begin < images.size(0); begin += batch) {
    const Tensor inputs = narrow(images, 0, begin, std::min(batch, images.size(0) - begin)).to(module.device());
    const auto some = argmax(module(inputs), 1).to_vector<std::int64_t>();
    answers.insert(answers.end(), some.begin(), some.end());
  }
  return answers;
}

double share_equal(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b) {
  std::int64_t equal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i];
  return static_cast<double>(equal) / static_cast<double>(a.size());
}

/// Share of the test digits that did move and whose answer stays; NaN if none moved.
double consistency(const std::vector<std::int64_t>& original, const std::vector<std::int64_t>& moved,
                   const std::vector<Move>& moves) {
  double same = 0, count = 0;
  for (std::size_t i = 0; i < moves.size(); ++i) {
    if (moves[i] == Move{}) continue;
    same += original[i] == moved[i];
    ++count;
  }
  return count > 0 ? same / count : std::nan("");
}

void evaluate(Record& line, nn::Module& module, const TaskData& data) {
  const auto original = answers_of(module, data.original().inputs), moved = answers_of(module, data.moved().inputs);
  line.set("accuracy_original", share_equal(original, data.original().labels.to_vector<std::int64_t>()));
  line.set("accuracy_moved", share_equal(moved, data.moved().labels.to_vector<std::int64_t>()));
  line.set("consistency", consistency(original, moved, data.test_moves()));
}

}  // namespace

models::SkeletonOptions CellOptions::full_skeleton() const {
  models::SkeletonOptions full = skeleton;
  full.side = data.side;
  full.group = group.empty() ? (cloning_task(task).group == "c4" ? "p4" : "p1") : group;
  if (full.kernel == 0) full.kernel = full.group == "p1" ? 5 : 3;
  return full;
}

Tensor cloning_images(const CellOptions& options, const TaskData& data) {
  return reads_images(options.clone) ? data.still_training_images() : Tensor();
}

Record settings_of(const CellOptions& options) {
  Record settings{{"experiment", "cloning/" + options.task}, {"mode", options.mode}};
  add_all(settings, settings_of(options.full_skeleton()));
  add_all(settings, settings_of(options.clone));
  const TaskDataOptions& data = options.data;
  const TrainingOptions& training = options.training;
  add_all(settings, {{"lambda", options.lambda},
                     {"prior_deviation", options.prior_deviation},
                     {"theta_rate", options.theta_rate},
                     {"data", data.data.string()},
                     {"train_count", data.train_count},
                     {"test_count", data.test_count},
                     {"wrap", data.wrap},
                     {"standardize", data.standardize},
                     {"move_training", data.move_training},
                     {"data_seed", static_cast<std::int64_t>(data.seed)},
                     {"epochs", training.epochs},
                     {"batch", training.batch_size},
                     {"learning_rate", training.learning_rate},
                     {"schedule", training.schedule},
                     {"seed", static_cast<std::int64_t>(training.seed)}});
  return settings;
}

void check_cell(const CellOptions& options) {
  (void)cloning_task(options.task);
  const CloningMode& mode = cloning_mode(options.mode);
  require(std::isfinite(options.lambda) && options.lambda >= 0, op, "lambda is {}. Give 0 or a positive number.",
          options.lambda);
  require(mode.has_lambda || options.lambda == 0, op,
          "the mode {} has no term that lambda = {} would weigh. Leave it out, or take a mode that has one.",
          options.mode, options.lambda);
  require(!mode.needs_lambda || options.lambda > 0, op,
          "the mode {} is nothing without its term, which lambda = 0 leaves out. Give --lambda 1.", options.mode);
  require(!mode.needs_point_group || options.full_skeleton().group != "p1", op,
          "the mode {} is about a point group, and {} has translations alone. Take a c4 task, or --group p4.",
          options.mode, options.task);
  require(!groups::lattice_group(options.full_skeleton().group).is_hexagonal(), op,
          "the group {} turns hexagons, and digits have square pixels. Take one of p1, p2, p4, pm and p4m.",
          options.full_skeleton().group);
  check_clone_settings(options.clone);
  require(!mode.needs_clone || options.clone.granularity != "block" || options.skeleton.strict, op,
          "a block has no pooling between its layers. Take --strict, or clone layer by layer.");
}

Record run_cell(const CellOptions& options, const TaskData& data, const std::filesystem::path& clone_cache,
                RunDirectory* run, Progress& progress) {
  check_cell(options);
  const CloningMode& mode = cloning_mode(options.mode);
  const models::SkeletonOptions skeleton = options.full_skeleton();
  const RandomKey key = RandomKey{options.training.seed}.split("cell");
  Record result{{"kind", std::string("result")}};
  models::LayerStudents students;
  if (mode.needs_clone) {
    const Clones clones = make_clones(skeleton, options.clone, cloning_images(options, data), clone_cache, progress);
    students = models::copies_of(clones.students);
    result.set("nmse", clones.nmse());
  } else {
    students = models::fresh_students(skeleton, models::student_by_name(options.clone.student),
                                      {.hidden = options.clone.width()}, key.split("students"));
  }
  const Contender contender = mode.build({.data = data,
                                          .skeleton = skeleton,
                                          .students = students,
                                          .lambda = options.lambda,
                                          .prior_deviation = options.prior_deviation,
                                          .theta_rate = options.theta_rate,
                                          .key = key});
  contender.module->to(options.training.device);
  const auto add_symmetry = [&](Record& line, const std::string& when) {
    if (contender.network != nullptr)
      measure_symmetry(line, when, *contender.network, data.original().inputs, key.split("measures"));
  };
  add_symmetry(result, "before");
  Trainer trainer(
      *contender.module, data.train(), options.training,
      [&](Record& line) {
        add_all(line, result);
        evaluate(line, *contender.module, data);
        add_symmetry(line, "after");
        line.set("ceiling", invariant_ceiling(data.task(), data.options().largest_shift()));
        line.set("train_digits", data.train().inputs.size(0)).set("test_digits", data.original().inputs.size(0));
        line.set("parameters", contender.module->parameter_count());
      },
      contender.objective);
  if (run == nullptr) return trainer.run(progress);
  trainer.set_identity({{"mode", options.mode}, {"data_fingerprint", data.fingerprint()}, {"tuning", tuning_in_use()}});
  trainer.restore(*run);
  if (trainer.steps_made() > 0)
    progress.note(fmt::format("{}  goes on after step {}", options.mode, trainer.steps_made()));
  return trainer.run(*run, progress);
}

}  // namespace orbitgrad::experiments
