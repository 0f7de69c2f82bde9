// Group averaging, the Reynolds operator: (P f)(x) = 1/|G| sum_g rho_out(g)^-1 f(rho_in(g) x). A projection whose
// fixed points are the equivariant maps. Over k random elements in place of all: an unbiased estimate of it.
// Sources: Elesedy and Zaidi (ICML 2021); equi-tuning, which trains P f for a trained f: Basu et al. (AAAI 2023).
#pragma once

#include "models/baselines/lattice_symmetry.hpp"

namespace orbitgrad::models {

/// |G| calls of f. Equivariant up to the rounding of the sum.
Tensor group_average(const TensorMap& f, const Tensor& x, const LatticeSymmetry& symmetry);

/// 1/k sum_j rho_out(g_ij)^-1 f(rho_in(g_ij) x_i), g_ij uniform and independent for every sample. k >= 1 calls of f.
Tensor sampled_group_average(const TensorMap& f, const Tensor& x, const LatticeSymmetry& symmetry, std::int64_t samples,
                             RandomKey key);

/// P f of a network f, its child "network": averaged when used, equi-tuned when trained.
class GroupAveraged final : public nn::Module {
 public:
  /// `samples` random elements in training passes (key: the pass); 0: all. Evaluation always takes all.
  GroupAveraged(std::shared_ptr<nn::Module> network, LatticeSymmetry symmetry, std::int64_t samples = 0);
  Tensor forward(const Tensor& x, const nn::Pass& pass) override;

 private:
  std::shared_ptr<nn::Module> network_;
  LatticeSymmetry symmetry_;
  std::int64_t samples_;
};

}  // namespace orbitgrad::models
