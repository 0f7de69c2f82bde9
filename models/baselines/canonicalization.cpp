#include "models/baselines/canonicalization.hpp"

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/shape_ops.hpp"
#include "models/baselines/choice.hpp"
#include "nn/loss.hpp"

namespace orbitgrad::models {

Canonicalized::Canonicalized(std::shared_ptr<nn::Module> network, std::shared_ptr<nn::Module> canonicalizer,
                             LatticeSymmetry symmetry, const CanonicalizationOptions& options)
    : network_(std::move(network)),
      canonicalizer_(std::move(canonicalizer)),
      symmetry_(std::move(symmetry)),
      options_(options) {
  require(options.beta > 0, "Canonicalized", "beta is {}. Take a positive number.", options.beta);
  register_child("network", network_);
  register_child("canonicalizer", canonicalizer_);
}

Canonicalization Canonicalized::canonicalize(const Tensor& x, const nn::Pass& pass) {
  const auto& [group, input, output] = symmetry_;
  const Tensor a = canonicalizer_->forward(x, pass.child(0));
  require(a.shape() == Shape{x.size(0), group.order()}, "Canonicalized",
          "the activations are {}, but {} samples and {} elements of {} need {}. Use a canonicalizer of this group.",
          a.shape(), x.size(0), group.order(), group.name, Shape{x.size(0), group.order()});
  const bool noisy = pass.training && options_.estimator == PoseEstimator::gumbel;
  const Tensor w = straight_through(noisy ? add_gumbel_noise(a, pass.key.split("gumbel")) : a, options_.beta);
  // With one-hot rows both sums pick one pose exactly: the other terms are zeros.
  const Tensor y = network_->forward(weighted_sum(w, inverse_poses(x, input, group)), pass.child(1));
  return {output == Representation::invariant ? y : weighted_sum(w, poses(y, output, group)), a, w};
}

Tensor pose_prior_loss(const Tensor& activations, const LatticeGroup& group, const Tensor& prior) {
  require(activations.rank() == 2 && activations.size(1) == group.order(), "pose_prior_loss",
          "the activations are {}, not [N, {}]. Use those of {}.", activations.shape(), group.order(), group.name);
  Tensor target = prior;
  if (!target.defined())
    target = one_hot(full({}, group.group.identity(), DType::int64, activations.device()), group.order(),
                     activations.dtype());
  require(target.shape() == Shape{group.order()}, "pose_prior_loss", "the prior is {}, not [{}]. Give one number each.",
          target.shape(), group.order());
  return nn::kl_divergence(log_softmax(activations, 1), broadcast_to(target, activations.shape()));
}

}  // namespace orbitgrad::models
