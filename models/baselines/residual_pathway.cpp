#include "models/baselines/residual_pathway.hpp"

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"

namespace orbitgrad::models {

namespace {

/// sum of squares of all weights of a module; undefined if it has none.
Tensor squared_norm(const nn::Module& module) {
  Tensor total;
  for (const Tensor& weight : module.parameters()) {
    const Tensor squares = sum(weight * weight);
    total = total.defined() ? total + squares : squares;
  }
  return total;
}

}  // namespace

ResidualPathway::ResidualPathway(std::shared_ptr<nn::Module> equivariant, std::int64_t in, std::int64_t out,
                                 DType dtype)
    : equivariant_(std::move(equivariant)) {
  register_child("equivariant", equivariant_);
  residual_ = add_child<nn::Linear>("residual", in, out, RandomKey{},
                                    nn::LayerOptions{.bias = false, .gain = 0, .dtype = dtype});
}

Tensor ResidualPathway::forward(const Tensor& x, const nn::Pass& pass) {
  const Tensor y = equivariant_->forward(x, pass.child(0));
  const Tensor residual = residual_->forward(flatten(x, 1), pass.child(1));
  require(residual.numel() == y.numel(), "ResidualPathway",
          "the equivariant layer gives {}, the residual layer {}. Make it of the size of one sample.", y.shape(),
          residual.shape());
  return y + reshape(residual, y.shape());
}

Tensor ResidualPathway::penalty(const ResidualPathwayPrior& prior) const {
  require(prior.equivariant_precision >= 0 && prior.residual_precision >= 0, "ResidualPathway",
          "precisions must not be negative, got {} and {}.", prior.equivariant_precision, prior.residual_precision);
  const Tensor residual = squared_norm(*residual_) * (prior.residual_precision / 2);
  const Tensor equivariant = squared_norm(*equivariant_);
  return equivariant.defined() ? residual + equivariant * (prior.equivariant_precision / 2) : residual;
}

}  // namespace orbitgrad::models
