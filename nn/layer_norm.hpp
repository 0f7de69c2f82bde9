// Layer normalisation (Ba, Kiros, Hinton, 2016): y = weight (x - mean) / sqrt(variance + epsilon) + bias with the mean
// and the biased variance of the last axis.
#pragma once

#include "nn/module.hpp"

namespace orbitgrad::nn {

struct LayerNormOptions {
  double epsilon = 1e-5;
  DType dtype = DType::float32;
};

/// x [..., features]. weight and bias [features] start as 1 and 0.
class LayerNorm final : public Module {
 public:
  explicit LayerNorm(std::int64_t features, const LayerNormOptions& options = {});
  Tensor forward(const Tensor& x, const Pass& pass) override;

 private:
  Tensor weight_, bias_;
  double epsilon_;
};

}  // namespace orbitgrad::nn
