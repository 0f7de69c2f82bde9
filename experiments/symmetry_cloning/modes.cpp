#include "experiments/symmetry_cloning/modes.hpp"

#include <algorithm>

#include "engine/ops/arithmetic.hpp"
#include "engine/random.hpp"
#include "engine/update.hpp"
#include "models/mlp.hpp"
#include "nn/nearest_name.hpp"

namespace orbitgrad::experiments {

namespace {

using models::DownstreamMode;

/// 30 held quarter turns on upright digits, which 10 did not, and shifts; 1e-4 let both go: one seed each,
/// docs/symmetry_cloning.md. The other divergences have other units.
constexpr DefaultLambda of_weights{.kept = 30, .broken = 1e-4};

std::vector<CloningMode>& registry() {
  static std::vector<CloningMode> modes;
  return modes;
}

/// Cross-entropy and the divergence of the mode; theta learns more slowly.
class DownstreamObjective final : public TaskObjective {
 public:
  DownstreamObjective(const ModeInputs& inputs, std::shared_ptr<models::Downstream> downstream)
      : TaskObjective(inputs), downstream_(std::move(downstream)), theta_rate_(inputs.theta_rate) {}

  std::vector<RateGroup> rate_groups(nn::Module& /*module*/) override {
    std::vector<RateGroup> groups{{downstream_->trained_rest()}};
    if (auto theta = downstream_->trained_theta(); !theta.empty()) groups.push_back({std::move(theta), theta_rate_});
    return groups;
  }
  Tensor loss(const Tensor& inputs, const Tensor& labels, const Tensor& logits, RandomKey key) override {
    const Tensor task = nn::cross_entropy(logits, labels), divergence = downstream_->divergence(inputs, logits, key);
    return divergence.defined() ? task + divergence : task;
  }
  void before_forward(RandomKey key) override { downstream_->draw_weights(key); }
  void after_backward() override { downstream_->restore_weights(); }

 private:
  std::shared_ptr<models::Downstream> downstream_;
  double theta_rate_;
};

template <DownstreamMode mode, bool on_noise = false>
Contender build_downstream(const ModeInputs& inputs) {
  const auto network = std::make_shared<models::CloningNetwork>(
      inputs.skeleton, mode == DownstreamMode::teacher ? models::LayerStudents{} : inputs.students,
      inputs.key.split("network"));
  const auto downstream =
      std::make_shared<models::Downstream>(network, models::DownstreamOptions{.mode = mode,
                                                                              .lambda = inputs.lambda,
                                                                              .prior_deviation = inputs.prior_deviation,
                                                                              .output_on_noise = on_noise});
  return {downstream, std::make_shared<DownstreamObjective>(inputs, downstream), network};
}

/// Off by as much as a clone of error 1e-6: how far two trainings part that differ by no more than that.
Contender build_nudged_teacher(const ModeInputs& inputs) {
  constexpr double relative = 1e-3;
  Contender contender = build_downstream<DownstreamMode::teacher>(inputs);
  RandomKey key = inputs.key.split("nudge");
  for (auto& [name, tensor] : contender.network->others()) {
    const Tensor noise = normal(tensor.shape(), key = key.split(1), 0, relative, tensor.dtype(), tensor.device());
    if (name.ends_with("tau")) assign(tensor, tensor.detach() * (noise + 1.0));
  }
  return contender;
}

Contender build_mlp(const ModeInputs& inputs) {
  const std::int64_t side = inputs.skeleton.side;
  return {models::mlp(side * side, {512, 512}, inputs.skeleton.classes, inputs.key.split("network")),
          std::make_shared<TaskObjective>(inputs)};
}

template <DownstreamMode mode, bool on_noise = false>
CloningMode downstream_mode(const char* description) {
  return {.name = fmt::format("{}{}", models::to_string(mode), on_noise ? "_noise" : ""),
          .description = description,
          .needs_clone = mode != DownstreamMode::random && mode != DownstreamMode::teacher,
          .has_lambda = models::has_divergence(mode),
          .build = build_downstream<mode, on_noise>,
          .has_students = mode != DownstreamMode::teacher,
          .default_lambda = mode == DownstreamMode::kl_weight || mode == DownstreamMode::kl_weight_var
                                ? std::optional(of_weights)
                                : std::nullopt};
}

using enum DownstreamMode;
const CloningModeRegistration modes[] = {
    CloningModeRegistration{downstream_mode<frozen>("tau and the head are trained, the clone is kept")},
    CloningModeRegistration{downstream_mode<init>("all is trained, the clone is where it starts")},
    CloningModeRegistration{downstream_mode<kl_weight>("all is trained; lambda holds the weights near the clone")},
    CloningModeRegistration{downstream_mode<kl_weight_var>("the same with variances, weights drawn in every step")},
    CloningModeRegistration{downstream_mode<kl_output>("all is trained; lambda holds the outputs near the clone's")},
    CloningModeRegistration{downstream_mode<kl_output, true>("the same on noise in place of the digits")},
    CloningModeRegistration{downstream_mode<kl_feature>("all is trained; lambda keeps cloning on noise")},
    CloningModeRegistration{downstream_mode<random>("the same layers, not cloned, all trained")},
    CloningModeRegistration{downstream_mode<teacher>("the equivariant network itself")},
    CloningModeRegistration{{.name = "teacher_nudged",
                             .description = "the same with filters off by 1e-3 of their size: what chance does",
                             .build = build_nudged_teacher}},
    CloningModeRegistration{{.name = "mlp",
                             .description = "dense layers of 512, 512 and 10 with ReLU",
                             .needs_clone = false,
                             .has_lambda = false,
                             .build = build_mlp}}};

}  // namespace

std::optional<double> CloningMode::lambda_for(const CloningTask& task) const {
  if (!has_lambda) return 0;
  if (!default_lambda) return {};
  return task.breaks_symmetry() ? default_lambda->broken : default_lambda->kept;
}

const std::vector<CloningMode>& cloning_modes() { return registry(); }

std::vector<std::string> cloning_mode_names() {
  std::vector<std::string> names;
  for (const CloningMode& mode : registry()) names.push_back(mode.name);
  return names;
}

const CloningMode& cloning_mode(std::string_view name) {
  const auto found = std::ranges::find(registry(), name, &CloningMode::name);
  if (found == registry().end()) nn::fail_unknown_name("cloning", "mode", name, cloning_mode_names());
  return *found;
}

CloningModeRegistration::CloningModeRegistration(CloningMode mode) {
  auto& list = registry();
  list.insert(std::ranges::upper_bound(list, mode.name, {}, &CloningMode::name), std::move(mode));
}

}  // namespace orbitgrad::experiments
