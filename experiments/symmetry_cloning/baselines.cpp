// The baselines of symmetry cloning as modes: each gives any network, here mostly the dense one, a symmetry, or takes
// some of it away. Formulas and sources: models/baselines/.

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "experiments/symmetry_cloning/baseline_networks.hpp"
#include "experiments/symmetry_cloning/modes.hpp"
#include "models/baselines/canonicalization.hpp"
#include "models/baselines/canonicalizers.hpp"
#include "models/baselines/distillation.hpp"
#include "models/baselines/frame_average.hpp"
#include "models/baselines/group_average.hpp"
#include "models/baselines/lambda_equitune.hpp"
#include "models/mlp.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr double prior_weight = 100;       // of Mondal et al., beside a task of weight 1
constexpr double contrast_weight = 1e-4;   // of Panigrahi and Mondal
constexpr std::int64_t energy_width = 64;  // of the dense energy

DenseParts parts_of(const ModeInputs& inputs) { return dense_parts(inputs.skeleton, inputs.key.split("network")); }

std::shared_ptr<nn::Module> joined(const DenseParts& parts) {
  auto network = std::make_shared<nn::Sequential>();
  network->add("features", parts.features).add("head", parts.head);
  return network;
}

std::shared_ptr<nn::Module> dense_network(const ModeInputs& inputs) { return joined(parts_of(inputs)); }

/// Logits are invariant under the point group of the teacher.
models::LatticeSymmetry symmetry_of(const ModeInputs& inputs) { return {groups::lattice_group(inputs.skeleton.group)}; }

/// A loss of its own on the digits of the task.
using BatchLoss =
    std::function<Tensor(const Tensor& inputs, const Tensor& labels, const Tensor& logits, RandomKey key)>;
class BaselineObjective final : public TaskObjective {
 public:
  BaselineObjective(const ModeInputs& inputs, BatchLoss loss) : TaskObjective(inputs), loss_(std::move(loss)) {}
  Tensor loss(const Tensor& inputs, const Tensor& labels, const Tensor& logits, RandomKey key) override {
    return loss_(inputs, labels, logits, key);
  }

 private:
  BatchLoss loss_;
};

Contender contender(const ModeInputs& inputs, std::shared_ptr<nn::Module> module, BatchLoss loss = {}) {
  if (!loss) return {std::move(module), std::make_shared<TaskObjective>(inputs)};
  return {std::move(module), std::make_shared<BaselineObjective>(inputs, std::move(loss))};
}

// The controls: augmentation, and the penalty of REMUL.

Contender build_augmented(const ModeInputs& inputs) {
  return {dense_network(inputs), std::make_shared<TaskObjective>(inputs, true)};
}

/// mean |f(g x) - f(x)|^2 with one random move g of the task for each image.
Tensor penalty_of_moves(const TaskData& data, nn::Module& network, const Tensor& x, const Tensor& logits,
                        RandomKey key) {
  return nn::mse(network(move_by_task(x, data, key), {.training = true, .key = key.split("moved")}), logits);
}

Contender build_remul(const ModeInputs& inputs) {
  auto network = dense_network(inputs);
  return contender(inputs, network,
                   [network, &data = inputs.data, lambda = inputs.lambda](const Tensor& x, const Tensor& labels,
                                                                          const Tensor& logits, RandomKey key) {
                     return nn::cross_entropy(logits, labels) +
                            penalty_of_moves(data, *network, x, logits, key) * lambda;
                   });
}

Contender build_remul_gradnorm(const ModeInputs& inputs) {
  const DenseParts parts = parts_of(inputs);
  // The last weights that both losses share; their gradients are compared.
  auto network = std::make_shared<BalancedNetwork>(joined(parts), parts.head->parameters()[0]);
  return contender(
      inputs, network,
      [network, &data = inputs.data](const Tensor& x, const Tensor& labels, const Tensor& logits, RandomKey key) {
        return network->balanced(nn::cross_entropy(logits, labels), penalty_of_moves(data, *network, x, logits, key));
      });
}

// Distillation. The teacher is trained beside the student, in the same steps, and gets no gradient from it.

class Pair final : public nn::Module {
 public:
  Pair(std::shared_ptr<nn::Module> features, std::shared_ptr<nn::Module> head,
       std::shared_ptr<models::CloningNetwork> teacher, std::shared_ptr<models::FeatureMatching> matching)
      : features_(std::move(features)), head_(std::move(head)), teacher_(teacher), matching_(matching) {
    register_child("features", features_);
    register_child("head", head_);
    register_child("teacher", teacher_);
    if (matching_ != nullptr) register_child("matching", matching_);
  }
  Tensor forward(const Tensor& x, const nn::Pass& pass) override { return (*head_)((*features_)(x, pass), pass); }
  Tensor teacher(const Tensor& x) const { return (*teacher_)(x); }
  Tensor feature_loss(const Tensor& x) const {
    return matching_->loss((*features_)(x), teacher_->features(x, teacher_->plan().size()));
  }

 private:
  std::shared_ptr<nn::Module> features_, head_;
  std::shared_ptr<models::CloningNetwork> teacher_;
  std::shared_ptr<models::FeatureMatching> matching_;
};

enum class Transfer { logits, features, orbit };

template <Transfer transfer>
Contender build_distillation(const ModeInputs& inputs) {
  const auto [features, head] = parts_of(inputs);
  const auto teacher =
      std::make_shared<models::CloningNetwork>(inputs.skeleton, models::LayerStudents{}, inputs.key.split("teacher"));
  std::shared_ptr<models::FeatureMatching> matching;
  if constexpr (transfer == Transfer::features) {
    const std::int64_t side = inputs.skeleton.side;
    const std::int64_t size = teacher->features(zeros({1, 1, side, side}), teacher->plan().size()).numel();
    matching = std::make_shared<models::FeatureMatching>(dense_width, size, inputs.key.split("matching"));
  }
  auto pair = std::make_shared<Pair>(features, head, teacher, matching);
  return contender(
      inputs, pair,
      [pair, &data = inputs.data](const Tensor& x, const Tensor& labels, const Tensor& logits, RandomKey key) {
        const Tensor answer = pair->teacher(x), own = nn::cross_entropy(answer, labels);
        if constexpr (transfer == Transfer::features)
          return own + nn::cross_entropy(logits, labels) + pair->feature_loss(x);
        const Tensor student = transfer == Transfer::orbit ? (*pair)(move_by_task(x, data, key)) : logits;
        return own + models::distillation_loss(student, answer, labels);
      });
}

// Wrappers that make the dense network invariant.

template <std::int64_t samples>
Contender build_group_average(const ModeInputs& inputs) {
  return contender(inputs,
                   std::make_shared<models::GroupAveraged>(dense_network(inputs), symmetry_of(inputs), samples));
}

Contender build_frame_average(const ModeInputs& inputs) {
  return contender(inputs, std::make_shared<models::FrameAveraged>(dense_network(inputs), symmetry_of(inputs)));
}

Contender build_lambda_equitune(const ModeInputs& inputs) {
  const auto [features, head] = parts_of(inputs);
  return contender(inputs, std::make_shared<models::LambdaEquitune>(
                               features, head, models::lambda_network(dense_width, inputs.key.split("lambda")),
                               symmetry_of(inputs)));
}

Contender build_equizero(const ModeInputs& inputs) {
  return contender(inputs, std::make_shared<models::Equizero>(dense_network(inputs), symmetry_of(inputs)));
}

enum class Pose { direct, gumbel, prior, energy, contrastive };

template <Pose pose>
Contender build_canonical(const ModeInputs& inputs) {
  const models::LatticeSymmetry symmetry = symmetry_of(inputs);
  const RandomKey key = inputs.key.split("canonicalizer");
  std::shared_ptr<nn::Module> canonicalizer;
  std::shared_ptr<models::ContrastiveCanonicalizer> contrastive;
  if constexpr (pose == Pose::energy)
    canonicalizer = std::make_shared<models::EnergyCanonicalizer>(
        symmetry.group, models::mlp(inputs.skeleton.side * inputs.skeleton.side, {energy_width}, 1, key));
  else if constexpr (pose == Pose::contrastive)
    canonicalizer = contrastive = std::make_shared<models::ContrastiveCanonicalizer>(
        symmetry.group, pose_encoder(inputs.skeleton.side, key), pose_encoder_size, key.split("reference"));
  else
    canonicalizer = std::make_shared<models::DirectCanonicalizer>(
        symmetry.group, 1, key, models::DirectCanonicalizerOptions{.layers = 2, .fields = 4});
  const auto estimator = pose == Pose::gumbel ? models::PoseEstimator::gumbel : models::PoseEstimator::straight_through;
  auto network = std::make_shared<models::Canonicalized>(dense_network(inputs), canonicalizer, symmetry,
                                                         models::CanonicalizationOptions{.estimator = estimator});
  BatchLoss loss;
  if constexpr (pose == Pose::prior)
    loss = [=](const Tensor& x, const Tensor& labels, const Tensor& logits, RandomKey) {
      return nn::cross_entropy(logits, labels) +
             models::pose_prior_loss((*canonicalizer)(x), symmetry.group) * prior_weight;
    };
  if constexpr (pose == Pose::contrastive)
    loss = [=](const Tensor& x, const Tensor& labels, const Tensor& logits, RandomKey) {
      return nn::cross_entropy(logits, labels) +
             models::contrastive_loss(contrastive->activate(x).vectors) * contrast_weight;
    };
  return contender(inputs, network, loss);
}

// Networks that may leave their symmetry.

/// Cross-entropy and `weight` times what the layers add.
Contender build_penalized(const ModeInputs& inputs, PenalizedNetwork made, double weight) {
  return contender(
      inputs, made.network,
      [penalty = made.penalty, weight](const Tensor&, const Tensor& labels, const Tensor& logits, RandomKey) {
        const Tensor task = nn::cross_entropy(logits, labels);
        return weight > 0 ? task + penalty() * weight : task;
      });
}

Contender build_relaxed(const ModeInputs& inputs) {
  return build_penalized(inputs, relaxed_network(inputs.skeleton, inputs.key.split("network")), inputs.lambda);
}

/// The loss is a mean over images, so the prior is divided by their number.
Contender build_residual_pathway(const ModeInputs& inputs) {
  return build_penalized(inputs, residual_pathway_network(inputs.skeleton, inputs.key.split("network")),
                         1 / static_cast<double>(inputs.data.train().inputs.size(0)));
}

CloningModeRegistration mode(const char* name, const char* description, Contender (*build)(const ModeInputs&)) {
  return CloningModeRegistration{{.name = name, .description = description, .build = build}};
}
CloningModeRegistration weighed(const char* name, const char* description, Contender (*build)(const ModeInputs&),
                                bool needs_lambda) {
  return CloningModeRegistration{{.name = name,
                                  .description = description,
                                  .has_lambda = true,
                                  .build = build,
                                  .needs_lambda = needs_lambda,
                                  .default_lambda = needs_lambda ? DefaultLambda{1, 1} : DefaultLambda{0, 0}}};
}
CloningModeRegistration invariant(const char* name, const char* description, Contender (*build)(const ModeInputs&)) {
  return CloningModeRegistration{{.name = name, .description = description, .build = build, .needs_point_group = true}};
}

const CloningModeRegistration modes[] = {
    mode("mlp_augmented", "the dense network on digits that are moved anew in each epoch", build_augmented),
    weighed("remul", "the dense network; lambda weighs |f(g x) - f(x)|^2", build_remul, true),
    mode("remul_gradnorm", "the same, weighed by GradNorm", build_remul_gradnorm),
    mode("distillation", "the dense network learns the teacher's logits", build_distillation<Transfer::logits>),
    mode("distillation_features", "the dense network learns the teacher's last features",
         build_distillation<Transfer::features>),
    mode("distillation_orbit", "the dense network learns the teacher's logits on moved digits",
         build_distillation<Transfer::orbit>),
    invariant("group_average", "the dense network averaged over the group (equi-tuning)", build_group_average<0>),
    invariant("group_average_sampled", "the same, one random element a step", build_group_average<1>),
    invariant("frame_average", "the dense network averaged over a frame", build_frame_average),
    invariant("canonical_direct", "the dense network on digits turned by a small group network",
              build_canonical<Pose::direct>),
    invariant("canonical_gumbel", "the same, poses drawn with Gumbel noise", build_canonical<Pose::gumbel>),
    invariant("canonical_prior", "the same, held to the poses of the training digits", build_canonical<Pose::prior>),
    invariant("canonical_energy", "the dense network on the pose of the least energy", build_canonical<Pose::energy>),
    invariant("canonical_contrastive", "the dense network on the pose nearest to a vector, poses driven apart",
              build_canonical<Pose::contrastive>),
    invariant("lambda_equitune", "the dense network averaged with learned weights", build_lambda_equitune),
    invariant("equizero", "the dense network on the pose of the largest logit", build_equizero),
    weighed("relaxed", "relaxed convolutions; lambda weighs the roughness of their weights", build_relaxed, false),
    mode("residual_pathway", "the teacher's layers beside dense ones of a narrow prior", build_residual_pathway)};

}  // namespace

}  // namespace orbitgrad::experiments
