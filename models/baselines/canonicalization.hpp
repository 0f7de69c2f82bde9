// Canonicalization: phi(x) = rho_out(c(x)) f(rho_in(c(x))^-1 x) with c(x) = argmax_h a_h(x) and activations that move
// as a_h(g x) = a_{g^-1 h}(x), so that c(g x) = g c(x). Gradients go through c by a straight-through estimator. Source:
// Kaba, Mondal, Zhang, Bengio, Ravanbakhsh (ICML 2023, arXiv 2211.06489). Makers of a(x): canonicalizers.hpp.
#pragma once

#include "models/baselines/lattice_symmetry.hpp"

namespace orbitgrad::models {

enum class PoseEstimator { straight_through, gumbel };

struct CanonicalizationOptions {
  /// gumbel: training passes choose by activations with Gumbel noise; evaluation never has noise.
  PoseEstimator estimator = PoseEstimator::straight_through;
  double beta = 1;  ///< of the backward softmax(beta a)
};

struct Canonicalization {
  Tensor output;  // phi(x)
  Tensor
      activations;  // a(x) [N, |G|], without noise: for the terms of canonicalizers.hpp and tie_frequency (choice.hpp)
  Tensor weights;   // [N, |G|], one-hot rows at c(x)
};

/// Children "network", f, and "canonicalizer", x -> a(x) [N, |G|].
/// For an invariant output phi(g x) = phi(x) in every bit if a(x) moves bit by bit and has one maximum. A tie takes the
/// lowest index; where x itself is symmetric the tied poses are one image, and phi stays invariant.
class Canonicalized final : public nn::Module {
 public:
  Canonicalized(std::shared_ptr<nn::Module> network, std::shared_ptr<nn::Module> canonicalizer,
                LatticeSymmetry symmetry, const CanonicalizationOptions& options = {});
  Canonicalization canonicalize(const Tensor& x, const nn::Pass& pass = {});
  Tensor forward(const Tensor& x, const nn::Pass& pass) override { return canonicalize(x, pass).output; }

 private:
  std::shared_ptr<nn::Module> network_, canonicalizer_;
  LatticeSymmetry symmetry_;
  CanonicalizationOptions options_;
};

/// KL(prior || softmax a(x)), mean over x, for a prior [|G|] over poses; undefined: all on the identity, which makes it
/// the cross-entropy of a(x) with the class e. It keeps the poses that a pretrained f knows.
/// Source: Mondal, Panigrahi, Kaba, Rajeswar, Ravanbakhsh (NeurIPS 2023, arXiv 2310.01647).
Tensor pose_prior_loss(const Tensor& activations, const LatticeGroup& group, const Tensor& prior = {});

}  // namespace orbitgrad::models
