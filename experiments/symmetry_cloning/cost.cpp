#include "experiments/symmetry_cloning/cost.hpp"

#include <chrono>
#include <cmath>

#include "engine/ops/shape_ops.hpp"

namespace orbitgrad::experiments {

namespace {

double seconds_of(const auto& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

double estimate_cell_seconds(const CellOptions& options, const TaskData& data) {
  constexpr std::int64_t timed_steps = 2;
  const models::SkeletonOptions skeleton = options.full_skeleton();
  const CloningMode& mode = cloning_mode(options.mode);
  const Contender contender =
      mode.build({.data = data,
                  .skeleton = skeleton,
                  .students = models::fresh_students(skeleton, models::student_by_name(options.clone.student),
                                                     {.hidden = options.clone.width()}, RandomKey{}),
                  .lambda = options.lambda,
                  .prior_deviation = options.prior_deviation,
                  .theta_rate = options.theta_rate,
                  .key = {}});
  const std::int64_t batch = std::min(options.training.batch_size, data.train().inputs.size(0));
  TrainingOptions training = options.training;
  training.epochs = 1;
  const auto train = [&](std::int64_t steps) {
    const std::int64_t count = std::min(steps * batch, data.train().inputs.size(0));
    const Samples some{narrow(data.train().inputs, 0, 0, count), narrow(data.train().labels, 0, 0, count)};
    Progress silent("", nullptr);
    Trainer(
        *contender.module, some, training, [](Record&) {}, contender.objective)
        .run(silent);
  };
  train(1);  // memory is taken, pages are touched
  const double step = seconds_of([&] { train(timed_steps); }) / static_cast<double>(timed_steps);
  const auto steps = static_cast<double>((data.train().inputs.size(0) + batch - 1) / batch * options.training.epochs);
  const double test_batches = 2 * static_cast<double>(data.moved().inputs.size(0)) / static_cast<double>(batch);
  return step * (steps + test_batches / 3);  // a pass forward is about a third of a step
}

double estimate_clone_seconds(const CellOptions& options) {
  constexpr std::int64_t timed_steps = 2;
  const models::SkeletonOptions skeleton = options.full_skeleton();
  const models::StudentKind kind = models::student_by_name(options.clone.student);
  const auto students = models::fresh_students(
      skeleton, kind, {.hidden = options.clone.width(), .rectified = options.clone.include_activation}, RandomKey{});
  const auto plan = models::plan_layers(skeleton);
  double total = 0;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const bool all_channels = options.clone.mode != "conditional";
    models::CloneOptions clone{.mode = models::clone_mode_by_name(options.clone.mode),
                               .channels = all_channels ? plan[i].channels : models::Channels{},
                               .include_activation = students[i]->rectified(),
                               .batch = options.clone.batch};
    clone.stop.steps = timed_steps;
    const double step =
        seconds_of([&] { (void)models::clone_layer(*students[i], models::LayerFamily(plan[i].family), clone); }) /
        static_cast<double>(timed_steps + 1);
    auto steps = static_cast<double>(options.clone.steps);
    if (options.clone.has_closed_rate()) {
      const double factor =
          models::predicted_error_factor(students[i]->sizes(), options.clone.batch, students[i]->rectified());
      steps = std::min(steps, std::log(options.clone.wanted_nmse()) / std::log(factor));
    }
    total += step * steps;
  }
  return total;
}

}  // namespace orbitgrad::experiments
