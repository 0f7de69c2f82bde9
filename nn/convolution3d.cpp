#include "nn/convolution3d.hpp"

#include "engine/ops/creation.hpp"

namespace orbitgrad::nn {

LiftConv3d::LiftConv3d(groups::VoxelGroup group, std::int64_t in, std::int64_t out, std::int64_t kernel, RandomKey key,
                       const GroupConv3dOptions& convolution, const LayerOptions& options)
    : group_(std::move(group)), convolution_(convolution) {
  require_sizes("LiftConv3d", in, out, kernel, convolution.groups);
  const std::int64_t fields = in / convolution.groups;
  const Shape shape{out, fields, kernel, kernel, kernel};
  weight_ = register_parameter("weight",
                               fan_in_normal(shape, shape.numel() / out, options.gain.value_or(1), key, options.dtype));
  if (options.bias) bias_ = register_parameter("bias", zeros({out}, options.dtype));
}

Tensor LiftConv3d::forward(const Tensor& x, const Pass&) {
  return lift_conv3d(x, weight_, bias_, group_, convolution_);
}

GroupConv3d::GroupConv3d(groups::VoxelGroup group, std::int64_t in, std::int64_t out, std::int64_t kernel,
                         RandomKey key, const GroupConv3dOptions& convolution, const LayerOptions& options)
    : group_(std::move(group)), convolution_(convolution) {
  require_sizes("GroupConv3d", in, out, kernel, convolution.groups);
  const std::int64_t fields = in / convolution.groups;
  const Shape shape{out, fields, group_.order(), kernel, kernel, kernel};
  weight_ = register_parameter("weight",
                               fan_in_normal(shape, shape.numel() / out, options.gain.value_or(1), key, options.dtype));
  if (options.bias) bias_ = register_parameter("bias", zeros({out}, options.dtype));
}

Tensor GroupConv3d::forward(const Tensor& x, const Pass&) {
  return group_conv3d(x, weight_, bias_, group_, convolution_);
}

}  // namespace orbitgrad::nn
