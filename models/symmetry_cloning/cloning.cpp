#include "models/symmetry_cloning/cloning.hpp"

#include <cmath>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/shape_ops.hpp"
#include "models/symmetry_cloning/clone_inputs.hpp"
#include "models/symmetry_cloning/clone_loop.hpp"

namespace orbitgrad::models {

namespace {

constexpr std::string_view op = "clone_layer";

double tau_deviation(std::int64_t taps, const CloneOptions& options) {
  return options.include_activation ? 1 / std::sqrt(static_cast<double>(options.channels.in * taps)) : 1;
}

double active_share(bool rectified) { return rectified ? 0.5 : 1; }

std::optional<double> best_rate(const Student& student, const CloneOptions& options) {
  if (!has_optimal_learning_rate(student.kind(), options)) return {};
  return optimal_learning_rate(student.sizes(), options.batch, student.rectified());
}

Tensor draw_tau(const Shape& shape, RandomKey key, const CloneOptions& options, DType dtype) {
  return normal(shape, key, 0, tau_deviation(shape[shape.rank() - 1], options), dtype);
}

Tensor held_tau(const LayerFamily& teacher, const CloneOptions& options, DType dtype) {
  const Shape shape{options.channels.out, options.channels.in, teacher.taps()};
  if (!options.tau.defined()) return draw_tau(shape, clone_key(options.seed).split("tau"), options, dtype);
  require(options.tau.shape() == shape, op, "tau must be [C_out, C_in, K] = {}, got {}. Give one filter per pair.",
          shape, options.tau.shape());
  return options.tau.detach().to(dtype).to(default_device());
}

}  // namespace

bool has_optimal_learning_rate(StudentKind kind, const CloneOptions& options) {
  const bool linear = kind != StudentKind::relu_mlp && kind != StudentKind::concatenating;
  const bool scaled = kind == StudentKind::hyper_linear && options.include_activation;
  return linear && !scaled && options.source == InputSource::noise && options.mode != CloneMode::marginal;
}

double regressor_excess(const StudentSizes& sizes, std::int64_t batch, bool rectified) {
  require(batch > 0 && sizes.in > 0 && sizes.taps >= 0, "regressor_excess",
          "{} inputs, {} taps and a batch of {}. Give positive numbers.", sizes.in, sizes.taps, batch);
  const auto in = static_cast<double>(sizes.in + 2), taps = static_cast<double>(sizes.taps + 2);
  const double m = sizes.taps > 0 ? in * taps : in;
  return (m / active_share(rectified) - 1) / static_cast<double>(batch);
}

double optimal_learning_rate(const StudentSizes& sizes, std::int64_t batch, bool rectified) {
  return 1 / (2 * active_share(rectified) * (1 + regressor_excess(sizes, batch, rectified)));
}

double predicted_error_factor(const StudentSizes& sizes, std::int64_t batch, bool rectified) {
  return 1 - 1 / (1 + regressor_excess(sizes, batch, rectified));
}

StudentSizes student_sizes(const LayerFamily& teacher, CloneMode mode, const Channels& channels) {
  if (mode == CloneMode::conditional) return {teacher.input_size(), teacher.output_size(), teacher.taps()};
  return {channels.in * teacher.input_size(), channels.out * teacher.output_size(), 0};
}

void require_student_fits(std::string_view op, const Student& student, const LayerFamily& teacher, CloneMode mode,
                          const Channels& channels) {
  require(student.is_conditional() == (mode == CloneMode::conditional), op,
          "the mode {} needs a student that {} tau, not {}.", to_string(mode),
          mode == CloneMode::conditional ? "sees" : "does not see", to_string(student.kind()));
  const StudentSizes fit = student_sizes(teacher, mode, channels);
  const StudentSizes& sizes = student.sizes();
  require(sizes.in == fit.in && sizes.out == fit.out && sizes.taps == fit.taps, op,
          "a student {} -> {} with {} taps does not fit the teacher, {} -> {} with {}. Make it with student_sizes().",
          sizes.in, sizes.out, sizes.taps, fit.in, fit.out, fit.taps);
}

CloneResult clone_layer(Student& student, const LayerFamily& teacher, const CloneOptions& options) {
  check_clone_options(op, options);
  require(options.mode == CloneMode::fixed_tau || (options.channels.in == 1 && options.channels.out == 1), op,
          "the mode {} clones one pair of channels, got {} -> {}. Clone one pair, or use fixed_tau.",
          to_string(options.mode), options.channels.in, options.channels.out);
  require_student_fits(op, student, teacher, options.mode, options.channels);
  const DType dtype = student.parameters().front().dtype();
  const ScopedDefaultDevice there(student.device());
  require(options.include_activation || !student.rectified(), op,
          "a rectified student clones a layer with its activation. Set include_activation, or use another student.");
  const CloneInputs inputs(op, options, {options.channels.in, teacher.input_size()}, input_orbit(teacher, options),
                           dtype);
  const bool held = options.mode == CloneMode::fixed_tau;
  const Tensor tau = held ? held_tau(teacher, options, dtype) : Tensor();

  const auto compare_on = [&](RandomKey key) {
    const Tensor x = inputs.draw(key.split("x"));
    const Tensor row = flatten(x, 1, 2);  // [N, C_in d_in]
    const Tensor each = held ? Tensor() : draw_tau({options.batch, teacher.taps()}, key.split("tau"), options, dtype);
    const Tensor linear = held ? flatten(teacher.apply(x, tau), 1, 2) : teacher.apply_each(row, each);
    const Tensor y = options.include_activation ? relu(linear) : linear;
    return compare(student.apply(row, options.mode == CloneMode::conditional ? each : Tensor()), y);
  };

  CloneOptions chosen = options;
  const auto rate = best_rate(student, options);
  if (rate && options.optimizer == CloneOptimizer::automatic) chosen.optimizer = CloneOptimizer::sgd;
  if (rate && chosen.optimizer == CloneOptimizer::sgd && !chosen.learning_rate) chosen.learning_rate = rate;
  const Learner learner = make_learner(op, student.named_parameters(), chosen);
  CloneResult result = run_clone_loop(op, learner, default_stop_nmse(student.kind()), options, compare_on);
  if (held) result.taus = {tau};
  return result;
}

}  // namespace orbitgrad::models
