#include "models/symmetry_cloning/block_cloning.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "engine/autograd/node.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "models/symmetry_cloning/clone_inputs.hpp"
#include "models/symmetry_cloning/clone_loop.hpp"
#include "nn/loss.hpp"

namespace orbitgrad::models {

namespace {

void require_chain(std::string_view op, const std::vector<BlockStage>& stages, CloneMode mode) {
  require(!stages.empty(), op, "the block has no stages. Give at least one.");
  require(mode != CloneMode::marginal, op, "the mode marginal clones one layer. Use conditional or fixed_tau.");
  for (std::size_t l = 0; l < stages.size(); ++l) {
    const auto& [teacher, channels, student] = stages[l];
    require(student != nullptr, op, "stage {} has no student. Make one with student_sizes().", l);
    require_student_fits(op, *student, teacher, mode, channels);
    if (l == 0) continue;
    const BlockStage& before = stages[l - 1];
    require(before.channels.out == channels.in && before.teacher.output_size() == teacher.input_size(), op,
            "stage {} takes [N, {}, {}] and the one before gives [N, {}, {}]. Give layers that follow one another.", l,
            channels.in, teacher.input_size(), before.channels.out, before.teacher.output_size());
  }
}

Tensor scaled_tau(const BlockStage& stage, RandomKey key, DType dtype) {
  const auto fan_in = static_cast<double>(stage.channels.in * stage.teacher.taps());
  return normal({stage.channels.out, stage.channels.in, stage.teacher.taps()}, key, 0, 1 / std::sqrt(fan_in), dtype);
}

Tensor student_output(const BlockStage& stage, const Tensor& x, const Tensor& tau) {
  const Student& student = *stage.student;
  if (student.is_conditional()) return student.apply_channels(x, tau);
  const Tensor y = student.before_activation(flatten(x, 1, 2));
  return reshape(y, {x.size(0), stage.channels.out, stage.teacher.output_size()});
}

/// A student that stands in more than one stage is trained once.
std::vector<nn::NamedTensor> parameters_of(const std::vector<BlockStage>& stages) {
  std::vector<nn::NamedTensor> parameters;
  std::set<const Student*> seen;
  for (std::size_t l = 0; l < stages.size(); ++l) {
    if (!seen.insert(stages[l].student.get()).second) continue;
    for (const auto& [name, tensor] : stages[l].student->named_parameters())
      parameters.push_back({fmt::format("stage{}.{}", l, name), tensor});
  }
  return parameters;
}

Tensor without_graph(nn::Module& network, const Tensor& x) {
  const NoGrad no_grad;
  return network(x);
}

/// The part of logits that a softmax sees.
Tensor centred(const Tensor& logits) { return logits - mean(logits, {-1}, true); }

}  // namespace

CloneResult clone_block(const std::vector<BlockStage>& stages, const CloneOptions& options) {
  constexpr std::string_view op = "clone_block";
  check_clone_options(op, options);
  require_chain(op, stages, options.mode);
  const auto& [teacher, channels, student] = stages.front();
  const DType dtype = student->parameters().front().dtype();
  const ScopedDefaultDevice there(student->device());
  const CloneInputs inputs(op, options, {channels.in, teacher.input_size()}, input_orbit(teacher, options), dtype);

  const auto draw_taus = [&](RandomKey key) {
    std::vector<Tensor> taus;
    for (std::size_t l = 0; l < stages.size(); ++l) taus.push_back(scaled_tau(stages[l], key.split(l), dtype));
    return taus;
  };
  std::vector<Tensor> held;
  if (options.mode == CloneMode::fixed_tau) held = draw_taus(clone_key(options.seed).split("tau"));

  const auto compare_on = [&](RandomKey key) {
    const std::vector<Tensor> taus = held.empty() ? draw_taus(key.split("tau")) : held;
    Tensor taught = inputs.draw(key.split("x")), learned = taught;
    Comparison all{.target = static_cast<double>(stages.size())};
    for (std::size_t l = 0; l < stages.size(); ++l) {
      const Tensor y = stages[l].teacher.apply(taught, taus[l]), h = student_output(stages[l], learned, taus[l]);
      taught = relu(y);
      learned = relu(h);
      const Tensor loss =
          options.include_activation ? nn::mse(learned, taught) / variance(taught) : nn::mse(h, y) / variance(y);
      all.loss = l == 0 ? loss : all.loss + loss;
    }
    all.error = all.loss.item();
    return all;
  };

  double threshold = 0;
  for (const BlockStage& stage : stages) threshold = std::max(threshold, default_stop_nmse(stage.student->kind()));
  CloneResult result =
      run_clone_loop(op, make_learner(op, parameters_of(stages), options), threshold, options, compare_on);
  result.taus = held;
  return result;
}

CloneResult clone_logits(nn::Module& student, nn::Module& teacher, const Shape& sample, const CloneOptions& options,
                         double temperature) {
  constexpr std::string_view op = "clone_logits";
  check_clone_options(op, options);
  require(std::isfinite(temperature) && temperature > 0, op, "the temperature is {}. Give a positive number.",
          temperature);
  const auto parameters = student.named_parameters();
  require(!parameters.empty(), op, "the student has no parameters. Give a network that learns.");
  const ScopedDefaultDevice there(student.device());
  const CloneInputs inputs(op, options, sample, std::nullopt, parameters.front().tensor.dtype());

  const auto compare_on = [&](RandomKey key) {
    const Tensor x = inputs.draw(key.split("x"));
    const Tensor s = student(x, {.training = true, .key = key.split("student")});
    const Tensor t = without_graph(teacher, x);
    require(s.rank() == 2 && s.shape() == t.shape(), op,
            "the student gives {} and the teacher {}. Give two networks of the same logits [N, classes].", s.shape(),
            t.shape());
    Comparison made = compare(centred(s.detach()), centred(t));
    made.loss = nn::kl_divergence(log_softmax(s / temperature), softmax(t / temperature)) * (temperature * temperature);
    return made;
  };
  return run_clone_loop(op, make_learner(op, parameters, options), 0, options, compare_on);
}

}  // namespace orbitgrad::models
