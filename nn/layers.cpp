#include "nn/layers.hpp"

#include <cmath>

#include "engine/ops/affine.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"

namespace orbitgrad::nn {

namespace {

void require_probability(std::string_view layer, double probability) {
  require(probability >= 0 && probability < 1, layer, "the probability is {}. Take one in [0, 1).", probability);
}

}  // namespace

void require_sizes(std::string_view layer, std::int64_t in, std::int64_t out, std::int64_t kernel,
                   std::int64_t groups) {
  require(in > 0 && out > 0 && kernel > 0, layer, "needs positive sizes, got in {}, out {}, kernel {}. Correct them.",
          in, out, kernel);
  require(groups > 0 && in % groups == 0 && out % groups == 0, layer,
          "groups {} must divide in {} and out {}. Take a common divisor.", groups, in, out);
}

Tensor fan_in_normal(const Shape& shape, std::int64_t fan_in, double gain, RandomKey key, DType dtype) {
  return normal(shape, key, 0, std::sqrt(gain / static_cast<double>(fan_in)), dtype);
}

Linear::Linear(std::int64_t in, std::int64_t out, RandomKey key, const LayerOptions& options) {
  require_sizes("Linear", in, out, 1, 1);
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  const RandomKey weight_key = key.split("weight");
  weight_ =
      register_parameter("weight", options.gain ? fan_in_normal({out, in}, in, *options.gain, weight_key, options.dtype)
                                                : uniform({out, in}, weight_key, -bound, bound, options.dtype));
  if (options.bias) bias_ = register_parameter("bias", uniform({out}, key.split("bias"), -bound, bound, options.dtype));
}

Tensor Linear::forward(const Tensor& x, const Pass&) { return activated(x, orbitgrad::Activation::none); }

Tensor Linear::activated(const Tensor& x, orbitgrad::Activation activation) const {
  require(x.rank() >= 1 && x.size(-1) == weight_.size(1), "Linear", "takes [..., {}], got {}. Flatten images first.",
          weight_.size(1), x.shape().to_string());
  return affine(x, weight_, bias_, activation);
}

FibreLinear::FibreLinear(groups::FiniteGroup group, std::int64_t in, std::int64_t out, RandomKey key,
                         FibreLinearOptions map, const LayerOptions& options)
    : group_(std::move(group)), map_(std::move(map)) {
  require_sizes("FibreLinear", in, out, 1, 1);
  const std::int64_t order = group_.order();
  weight_ = register_parameter(
      "weight", fan_in_normal({out, in, order}, order * in, options.gain.value_or(1), key, options.dtype));
  if (options.bias) bias_ = register_parameter("bias", zeros({out}, options.dtype));
}

Tensor FibreLinear::forward(const Tensor& x, const Pass&) { return fibre_linear(x, weight_, bias_, group_, map_); }

Conv2d::Conv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, RandomKey key, const Conv2dOptions& convolution,
               const LayerOptions& options)
    : convolution_(convolution) {
  require_sizes("Conv2d", in, out, kernel, convolution.groups);
  const std::int64_t fields = in / convolution.groups;
  weight_ = register_parameter("weight", fan_in_normal({out, fields, kernel, kernel}, fields * kernel * kernel,
                                                       options.gain.value_or(2), key, options.dtype));
  if (options.bias) bias_ = register_parameter("bias", zeros({out}, options.dtype));
}

Conv2d::Conv2d(const Tensor& weight, const Tensor& bias, const Conv2dOptions& convolution) : convolution_(convolution) {
  weight_ = register_parameter("weight", weight);
  if (bias) bias_ = register_parameter("bias", bias);
}

Tensor Conv2d::forward(const Tensor& x, const Pass&) { return conv2d(x, weight_, bias_, convolution_); }

LiftConv2d::LiftConv2d(groups::LatticeGroup group, std::int64_t in, std::int64_t out, std::int64_t kernel,
                       RandomKey key, const GroupConv2dOptions& convolution, const LayerOptions& options)
    : group_(std::move(group)), convolution_(convolution) {
  require_sizes("LiftConv2d", in, out, kernel, convolution.groups);
  const std::int64_t fields = in / convolution.groups;
  weight_ = register_parameter("weight", fan_in_normal({out, fields, kernel, kernel}, fields * kernel * kernel,
                                                       options.gain.value_or(1), key, options.dtype));
  if (options.bias) bias_ = register_parameter("bias", zeros({out}, options.dtype));
}

Tensor LiftConv2d::forward(const Tensor& x, const Pass&) {
  return lift_conv2d(x, weight_, bias_, group_, convolution_);
}

GroupConv2d::GroupConv2d(groups::LatticeGroup group, std::int64_t in, std::int64_t out, std::int64_t kernel,
                         RandomKey key, const GroupConv2dOptions& convolution, const LayerOptions& options)
    : group_(std::move(group)), convolution_(convolution) {
  require_sizes("GroupConv2d", in, out, kernel, convolution.groups);
  const std::int64_t fields = in / convolution.groups, order = group_.order();
  weight_ =
      register_parameter("weight", fan_in_normal({out, fields, order, kernel, kernel}, order * fields * kernel * kernel,
                                                 options.gain.value_or(1), key, options.dtype));
  if (options.bias) bias_ = register_parameter("bias", zeros({out}, options.dtype));
}

Tensor GroupConv2d::forward(const Tensor& x, const Pass&) {
  return group_conv2d(x, weight_, bias_, group_, convolution_);
}

Tensor MaxPool2d::forward(const Tensor& x, const Pass&) { return max_pool2d(x, options_); }

Tensor AveragePool2d::forward(const Tensor& x, const Pass&) { return average_pool2d(x, options_); }

Tensor GroupPool::forward(const Tensor& x, const Pass&) {
  return kind_ == PoolKind::max ? group_max_pool(x) : group_mean_pool(x);
}

Tensor ChannelPool::forward(const Tensor& x, const Pass&) {
  require(x.rank() >= 2 && x.size(1) % channels_ == 0, "ChannelPool",
          "takes [N, C {}, ...], got {}. Give it whole fields.", channels_, x.shape().to_string());
  Shape shape = x.shape();
  shape[1] /= channels_;
  const Tensor fields = reshape(x, shape.with_axis(2, channels_));
  return kind_ == PoolKind::max ? max(fields, {2}) : mean(fields, {2});
}

Tensor GlobalPool::forward(const Tensor& x, const Pass&) {
  const int rank = x.rank();
  const bool over_group = over_ == PoolOver::group_and_pixels;
  require(rank == 5 || (rank == 4 && !over_group), "GlobalPool", "takes {}, got {}. Keep the pixel axes until here.",
          over_group ? "[N, C, S, H, W]" : "[N, C, H, W] or [N, C, S, H, W]", x.shape().to_string());
  Axes axes{-2, -1};
  if (over_group) axes.push_back(-3);
  return kind_ == PoolKind::max ? max(x, axes) : mean(x, axes);
}

Dropout::Dropout(double probability) : probability_(probability) { require_probability("Dropout", probability); }

Tensor Dropout::forward(const Tensor& x, const Pass& pass) {
  return pass.training && probability_ > 0 ? dropout(x, probability_, pass.key) : x;
}

FieldDropout::FieldDropout(double probability) : probability_(probability) {
  require_probability("FieldDropout", probability);
}

Tensor FieldDropout::forward(const Tensor& x, const Pass& pass) {
  require(x.rank() >= 2, "FieldDropout", "takes [N, C, ...], got {}. Keep the batch and the field axis.",
          x.shape().to_string());
  if (!pass.training || probability_ == 0) return x;
  Shape fields = x.shape();
  for (int axis = 2; axis < fields.rank(); ++axis) fields[axis] = 1;
  return x * dropout(ones(fields, x.dtype()).to(x.device()), probability_, pass.key);
}

Tensor Flatten::forward(const Tensor& x, const Pass&) { return flatten(x, first_); }

}  // namespace orbitgrad::nn
