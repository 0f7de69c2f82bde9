// Training a cloned network on a task: what of the clone is trained, and what holds it near theta_0, where cloning left
// it (Huang et al., 2024; the form of the divergence is ours). lambda times, summed over the layers:
//   kl_weight      KL( N(theta, s^2) || N(theta_0, s^2) ) / n = |theta - theta_0|^2 / (2 s^2 n), n weights of the layer
//   kl_weight_var  KL( N(theta, diag sigma^2) || N(theta_0, s^2) ) / n, weights drawn in every step
//                  = 1/2 mean( sigma^2/s^2 + (theta - theta_0)^2/s^2 - 1 - ln(sigma^2/s^2) )
//   kl_output      KL( softmax f_0(x) || softmax f(x) ), once; f_0 has theta_0 and the rest of f as it is now
//   kl_feature     1/2 mean (h_theta(x, tau) - h_theta_0(x, tau))^2 on noise x and tau
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/symmetry_cloning/network.hpp"

namespace orbitgrad::models {

enum class DownstreamMode { frozen, init, kl_weight, kl_weight_var, kl_output, kl_feature, random, teacher };

/// "frozen", "init", "kl_weight", "kl_weight_var", "kl_output", "kl_feature", "random", "teacher".
const std::vector<std::string>& downstream_mode_names();
std::string_view to_string(DownstreamMode mode);
/// Whether it has a term that lambda weighs.
bool has_divergence(DownstreamMode mode);

struct DownstreamOptions {
  DownstreamMode mode = DownstreamMode::kl_weight;
  double lambda = 0;
  /// s: how far a weight may go at the price of 1/2. With the mean over n weights, s = 1 would leave the term without
  /// any effect at every lambda up to 1.
  double prior_deviation = 1e-3;
  std::int64_t noise_samples = 32;  ///< of kl_feature
  bool output_on_noise = false;     ///< x of kl_output: noise in place of the batch
};

class Downstream final : public nn::Module {
 public:
  /// The network, which is the child "network", holds theta_0 now; theta stops collecting gradients if frozen.
  /// kl_weight_var adds parameters "log_varianceI", ln sigma^2 of a tensor of theta, from ln(s^2 / 100).
  /// Error: lambda is negative or no number, s is not positive.
  Downstream(std::shared_ptr<CloningNetwork> network, const DownstreamOptions& options);

  Tensor forward(const Tensor& x, const nn::Pass& pass) override { return network_->forward(x, pass); }
  const CloningNetwork& network() const { return *network_; }
  const DownstreamOptions& options() const { return options_; }

  /// What is trained: theta (nothing if it is frozen), and the rest.
  std::vector<nn::NamedTensor> trained_theta() const;
  std::vector<nn::NamedTensor> trained_rest() const;

  /// lambda times the term of the mode, a scalar; undefined if it has none or lambda is 0.
  Tensor divergence(const Tensor& x, const Tensor& logits, RandomKey key) const;

  /// kl_weight_var: theta + sigma eps stands in for theta from here until after the backward pass. ln sigma^2 then has
  /// g sigma eps / 2, g the gradient of the task at the drawn weights, and the gradient of the divergence, which is
  /// lambda / (2 n) (sigma^2/s^2 - 1) whatever was drawn. Nothing in other modes.
  void draw_weights(RandomKey key);
  void restore_weights();

 private:
  Tensor weight_divergence() const;
  Tensor output_divergence(const Tensor& x, const Tensor& logits, RandomKey key) const;
  Tensor feature_divergence(RandomKey key) const;

  std::shared_ptr<CloningNetwork> network_, initial_;  // initial_ only where the mode needs it
  DownstreamOptions options_;
  std::vector<Tensor> log_variances_;  // as network_->theta()
  std::vector<Tensor> means_, noise_;  // while weights are drawn: theta, and sigma eps
};

}  // namespace orbitgrad::models
