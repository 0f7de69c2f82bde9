#include "nn/layer_norm.hpp"

#include "engine/ops/creation.hpp"
#include "engine/ops/layer_normalization.hpp"

namespace orbitgrad::nn {

LayerNorm::LayerNorm(std::int64_t features, const LayerNormOptions& options) : epsilon_(options.epsilon) {
  require(features > 0, "LayerNorm", "needs one feature or more, got {}. Give the length of the last axis.", features);
  weight_ = register_parameter("weight", ones({features}, options.dtype));
  bias_ = register_parameter("bias", zeros({features}, options.dtype));
}

Tensor LayerNorm::forward(const Tensor& x, const Pass&) {
  require(x.rank() >= 1 && x.size(-1) == weight_.numel(), "LayerNorm",
          "takes [..., {}], got {}. Make the layer for the features on the last axis.", weight_.numel(), x.shape());
  return layer_norm(x, 1, weight_, bias_, epsilon_);
}

}  // namespace orbitgrad::nn
