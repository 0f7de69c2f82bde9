// Residual pathway priors: a layer y = E(x) + R(x), E equivariant and R an unconstrained dense map, with Gaussian
// priors that make E far likelier: -log p = |E|^2 / (2 s_E^2) + |R|^2 / (2 s_R^2) + const, s_R^2 << s_E^2.
// Source: Finzi, Benton, Wilson, Residual pathway priors for soft equivariance constraints (NeurIPS 2021, 2112.01388).
#pragma once

#include "nn/linear.hpp"

namespace orbitgrad::models {

/// Prior precisions 1 / s^2; their ratio is that of the two weight decays.
struct ResidualPathwayPrior {
  double equivariant_precision = 1;
  double residual_precision = 1000;
};

/// Children "equivariant", any module of one tensor, and "residual", a dense layer between the flattened samples that
/// starts at 0: an exactly equivariant network learns how far to leave its symmetry.
class ResidualPathway final : public nn::Module {
 public:
  /// Sizes of one sample of input and output, flattened.
  ResidualPathway(std::shared_ptr<nn::Module> equivariant, std::int64_t in, std::int64_t out,
                  DType dtype = DType::float32);
  Tensor forward(const Tensor& x, const nn::Pass& pass) override;
  /// -log p of the weights: 1/2 precision_E |E|^2 + 1/2 precision_R |R|^2, a scalar, for a loss that is a sum over all
  /// samples; divide by their number for a mean.
  Tensor penalty(const ResidualPathwayPrior& prior = {}) const;
  const nn::Module& residual() const { return *residual_; }

 private:
  std::shared_ptr<nn::Module> equivariant_;
  std::shared_ptr<nn::Linear> residual_;
};

}  // namespace orbitgrad::models
