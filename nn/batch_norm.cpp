#include "nn/batch_norm.hpp"

#include "engine/autograd/checkpoint.hpp"
#include "engine/autograd/node.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/update.hpp"
#include "nn/batch_statistics.hpp"

namespace orbitgrad::nn {

BatchNorm::BatchNorm(std::int64_t fields, const BatchNormOptions& options) : options_(options) {
  require(fields > 0, "BatchNorm", "needs one field or more, got {}. Correct the number of fields.", fields);
  gamma_ = register_parameter("gamma", ones({fields}, options.dtype));
  beta_ = register_parameter("beta", zeros({fields}, options.dtype));
  running_mean_ = register_buffer("running_mean", zeros({fields}, options.dtype));
  running_variance_ = register_buffer("running_variance", ones({fields}, options.dtype));
}

Tensor BatchNorm::scale() const { return gamma_ / sqrt(running_variance_ + options_.epsilon); }

Tensor BatchNorm::shift() const { return beta_ - running_mean_ * scale(); }

void BatchNorm::set_statistics(const Tensor& mean, const Tensor& variance) {
  assign(running_mean_, mean);
  assign(running_variance_, variance);
}

Tensor BatchNorm::forward(const Tensor& x, const Pass& pass) {
  const std::int64_t fields = gamma_.numel();
  require(x.rank() >= 2 && x.size(1) == fields, "BatchNorm",
          "takes [N, {}, ...], got {}. Make the layer for the fields on axis 1.", fields, x.shape().to_string());
  if (!pass.training && !pass.statistics)
    return batch_norm_inference(x, gamma_, beta_, running_mean_, running_variance_, options_.epsilon);

  const std::int64_t count = x.numel() / fields;
  require(count >= 2, "BatchNorm", "a training pass needs two values per field or more, got {}. Take larger batches.",
          x.shape().to_string());
  const BatchNormResult result = batch_norm_training(x, gamma_, beta_, options_.epsilon);
  if (is_recomputing()) return result.y;  // the batch was counted the first time
  const NoGrad no_grad;
  if (pass.statistics) {
    pass.statistics->add(*this, result.mean, result.variance, count);
  } else {
    const double momentum = options_.momentum;
    const double unbiased = static_cast<double>(count) / static_cast<double>(count - 1);
    set_statistics(running_mean_ * (1 - momentum) + result.mean * momentum,
                   running_variance_ * (1 - momentum) + result.variance * (momentum * unbiased));
  }
  return result.y;
}

}  // namespace orbitgrad::nn
