// Batch normalisation (Ioffe and Szegedy, 2015) of the fields on axis 1:
//   y = gamma (x - mean) / sqrt(variance + epsilon) + beta.
// For regular features the statistics run over the group axis too, which keeps the layer equivariant.
#pragma once

#include "nn/module.hpp"

namespace orbitgrad::nn {

struct BatchNormOptions {
  /// running = (1 - momentum) running + momentum batch
  double momentum = 0.1;
  double epsilon = 1e-5;
  DType dtype = DType::float32;
};

/// x [N, C], [N, C, H, W] or [N, C, S, H, W]. Parameters gamma and beta, buffers running_mean and running_variance
/// (unbiased, n / (n - 1)), all [C]. A training pass normalises by the batch and updates the buffers, an evaluation
/// pass uses them; a training pass needs two values per field or more.
class BatchNorm final : public Module {
 public:
  explicit BatchNorm(std::int64_t fields, const BatchNormOptions& options = {});
  Tensor forward(const Tensor& x, const Pass& pass) override;
  std::shared_ptr<Module> plain(PlainFeatures& features) const override;

  /// An evaluation pass is x scale + shift.
  Tensor scale() const;
  Tensor shift() const;

  /// Replaces the running statistics.
  void set_statistics(const Tensor& mean, const Tensor& variance);

 private:
  BatchNormOptions options_;
  Tensor gamma_, beta_, running_mean_, running_variance_;
};

}  // namespace orbitgrad::nn
