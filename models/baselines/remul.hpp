// REMUL: equivariance as a second task of an unconstrained network, L = alpha L_task + beta L_equi with
//   L_equi = mean_i loss(f(g_i x_i), rho(g_i) f(x_i)),   one random g_i for each sample and step.
// Source: Elhag, Rusch, Di Giovanni, Bronstein (arXiv 2410.17878). Weights constant or by GradNorm (Chen et al., 2018).
#pragma once

#include "models/baselines/lattice_symmetry.hpp"

namespace orbitgrad::models {

/// Of prediction and target, a scalar.
using Loss = std::function<Tensor(const Tensor& prediction, const Tensor& target)>;

/// mean_i loss(f(g_i x_i), rho_out(g_i) y_i) with g int64 [N]: y = f(x) for REMUL, or the targets of the task. Both
/// sides have gradients. Without a loss: the mean of squares.
Tensor equivariance_loss(const TensorMap& f, const Tensor& x, const Tensor& y, const LatticeSymmetry& symmetry,
                         const Tensor& g, const Loss& loss = {});

/// How far f is from P f on x, relative: mean_i |f(x_i) - (P f)(x_i)|^2 / mean_i |f(x_i)|^2, P f over `samples` random
/// elements, or with 0 over all. No gradient.
double distance_from_average(const TensorMap& f, const Tensor& x, const LatticeSymmetry& symmetry,
                             std::int64_t samples = 0, RandomKey key = {});

struct GradNormOptions {
  double asymmetry = 1.5;  ///< a: how strongly a task that lags is pulled
  double learning_rate = 0.025;
};

/// Weights w_i of losses L_i that keep their gradients at the shared weights W alike. With G_i = w_i |dL_i/dW|,
/// G = mean_i G_i and r_i = (L_i / L_i(0)) / mean_j (L_j / L_j(0)), the weights descend sum_i |G_i - G r_i^a| / G with
/// G and r constant:  w_i -= rate sign(G_i - G r_i^a) |dL_i/dW| / G,  and are scaled to sum_i w_i = number of losses.
class GradNorm {
 public:
  /// All weights 1.
  explicit GradNorm(int losses, const GradNormOptions& options = {});
  const std::vector<double>& weights() const { return weights_; }
  /// sum_i w_i L_i.
  Tensor total(const std::vector<Tensor>& losses) const;
  /// One step of the weights. The losses are scalars of this step, whose graph stays. A loss that is 0 counts as not
  /// begun. Error: a gradient is not finite.
  void update(const std::vector<Tensor>& losses, const std::vector<Tensor>& shared_weights);

  /// "weights" and "first_losses", float64: copies.
  nn::State state() const;
  void load_state(const nn::State& state);

 private:
  void check_losses(const std::vector<Tensor>& losses) const;
  GradNormOptions options_;
  std::vector<double> weights_, first_losses_;  // 0: no loss above 0 so far
};

}  // namespace orbitgrad::models
