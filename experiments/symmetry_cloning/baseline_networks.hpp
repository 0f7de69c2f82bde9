// What the baselines of symmetry cloning are made of: the dense control 784-512-512-10 in parts, the skeleton of the
// cloned networks with relaxed convolutions or residual pathways for layers, what canonicalizers look with, and images
// moved by the law of a task. The modes themselves: baselines.cpp.
#pragma once

#include <functional>
#include <memory>

#include "experiments/symmetry_cloning/tasks.hpp"
#include "models/baselines/remul.hpp"
#include "models/symmetry_cloning/network.hpp"

namespace orbitgrad::experiments {

/// The dense control cut before its last layer: head(features(x)).
struct DenseParts {
  std::shared_ptr<nn::Module> features;  // images -> [N, 512], before the ReLU
  std::shared_ptr<nn::Module> head;      // ReLU and the last layer -> logits
};
DenseParts dense_parts(const models::SkeletonOptions& skeleton, RandomKey key);
constexpr std::int64_t dense_width = 512;

/// The terms that layers add to the loss, summed.
using Penalty = std::function<Tensor()>;
struct PenalizedNetwork {
  std::shared_ptr<nn::Module> network;
  Penalty penalty;
};

/// Three kernels to a layer, mixed by weights on a grid of 7 x 7 places, or of rotations where the skeleton has a point
/// group; the penalty is the roughness of the weights. (Wang, Walters, Yu, ICML 2022)
PenalizedNetwork relaxed_network(const models::SkeletonOptions& skeleton, RandomKey key);
/// Each convolution beside a dense layer that starts at 0; the penalty is the negative log prior of all weights.
PenalizedNetwork residual_pathway_network(const models::SkeletonOptions& skeleton, RandomKey key);

/// Images -> [N, 128]: two convolutions of 7 x 7 and stride 2, and a dense layer. (Panigrahi and Mondal, 2024, with
/// fewer channels)
std::shared_ptr<nn::Module> pose_encoder(std::int64_t side, RandomKey key);
constexpr std::int64_t pose_encoder_size = 128;

/// Images [N, 1, side, side] as the batches of the task have them, each moved by a move of its own that the law of the
/// task draws: dark where a shift leaves the image, unless shifts go round. On the device of x, without history.
Tensor move_by_task(const Tensor& x, const TaskData& data, RandomKey key);

/// Child "network". Buffers "loss_weights" and "first_losses" are the state of a GradNorm of the task's loss and one
/// more, so that a run that was killed goes on with it.
class BalancedNetwork final : public nn::Module {
 public:
  BalancedNetwork(std::shared_ptr<nn::Module> network, Tensor shared);
  Tensor forward(const Tensor& x, const nn::Pass& pass) override { return network_->forward(x, pass); }
  /// One step of the weights of the two losses by their gradients at the shared parameter, then the weighted sum.
  Tensor balanced(const Tensor& task, const Tensor& other);

 private:
  std::shared_ptr<nn::Module> network_;
  Tensor shared_, loss_weights_, first_losses_;
};

}  // namespace orbitgrad::experiments
