#include "models/baselines/relaxed_convolution.hpp"

#include <cmath>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/resampling.hpp"

namespace orbitgrad::models {

namespace {

/// The shape with axes a and b made one, b = a + 1.
Shape merged(const Shape& shape, int a) {
  Shape result;
  for (int axis = 0; axis < shape.rank(); ++axis)
    if (axis == a + 1)
      result[a] *= shape[axis];
    else
      result.push_back(shape[axis]);
  return result;
}

/// w [L, rest...] as [L, 1, rest..., 1...] of that rank, to meet [N, L, channels, ...].
Tensor beside_channels(Tensor w, int rank) {
  w = unsqueeze(w, 1);
  while (w.rank() < rank) w = unsqueeze(w, w.rank());
  return w;
}

/// Error unless w, as `mixture`, has one weight for each position of the features or for all of an axis.
void require_positions(std::string_view op, const Tensor& w, const Tensor& mixture, const Tensor& features) {
  for (int axis = 2; axis < features.rank(); ++axis)
    require(mixture.size(axis) == 1 || mixture.size(axis) == features.size(axis), op,
            "w {} does not fit the positions of {}. Give a weight for each, or an axis of length 1.", w.shape(),
            features.shape());
}

/// convolution(x [N, C, ...], kernel [K, C, ...], bias) -> [N, K, ...] is linear in its kernel, so that the mixture may
/// stand at either side: sum_l conv(w_l x, psi_l) is one convolution over L C channels, sum_l w_l conv(x, psi_l) one to
/// L K.
template <class Convolution>
Tensor relaxed(std::string_view op, const Convolution& convolution, const Tensor& x, const Tensor& psi, const Tensor& w,
               const Tensor& bias, RelaxedOver over, int feature_rank) {
  require(psi.rank() == x.rank() + 1 && w.rank() >= 2 && w.rank() < feature_rank && w.size(0) == psi.size(0) &&
              psi.size(2) == x.size(1),
          op, "psi {} and w {} do not fit x {}: x is [N, C, ...], psi is [L, K, C, ...], w is [L, ...].", psi.shape(),
          w.shape(), x.shape());
  const Tensor mixture = beside_channels(w, feature_rank);
  if (over == RelaxedOver::input) {
    require_positions(op, w, mixture, x);
    const Tensor weighted = unsqueeze(x, 1) * mixture;  // [N, L, C, ...]
    const Tensor kernel = transpose(psi, 0, 1);         // [K, L, C, ...]
    return convolution(reshape(weighted, merged(weighted.shape(), 1)), reshape(kernel, merged(kernel.shape(), 1)),
                       bias);
  }
  const Tensor y = convolution(x, reshape(psi, merged(psi.shape(), 0)), Tensor());
  Shape split{y.size(0), psi.size(0), psi.size(1)};
  for (int axis = 2; axis < y.rank(); ++axis) split.push_back(y.size(axis));
  require_positions(op, w, mixture, y);
  const Tensor mixed = sum(reshape(y, split) * mixture, {1});
  if (!bias.defined()) return mixed;
  require(bias.shape() == Shape{psi.size(1)}, op, "the bias is {}, not [{}].", bias.shape(), psi.size(1));
  Shape column{bias.numel()};
  for (int axis = 2; axis < mixed.rank(); ++axis) column.push_back(1);
  return mixed + reshape(bias, column);
}

void require_one_group(std::string_view op, std::int64_t groups) {
  require(groups == 1, op, "has no channel groups, got {}. Take 1.", groups);
}

void require_linear(std::string_view op, const GroupConv2dOptions& options) {
  require(!options.relu, op, "is a sum of convolutions, of which relu would be taken one by one. Apply relu() to it.");
}

/// A sum over that many values as their mean; 0 where there are none.
Tensor mean_of(const Tensor& total, std::int64_t values) {
  return values == 0 ? total : total / static_cast<double>(values);
}

Tensor uniform_psi(const Shape& shape, std::int64_t in, std::int64_t kernel, RandomKey key, DType dtype) {
  const double bound = 1 / (std::sqrt(static_cast<double>(in)) * static_cast<double>(kernel));
  return uniform(shape, key, -bound, bound, dtype);
}

void require_layer(std::string_view layer, std::int64_t in, std::int64_t out, std::int64_t kernel,
                   std::int64_t kernels) {
  nn::require_sizes(layer, in, out, kernel, 1);
  require(kernels >= 1, layer, "mixes one kernel or more, got {}.", kernels);
}

}  // namespace

Tensor relaxed_conv2d(const Tensor& x, const Tensor& psi, const Tensor& w, const Tensor& bias,
                      const Conv2dOptions& options, RelaxedOver over) {
  require_one_group("relaxed_conv2d", options.groups);
  require(x.rank() == 4 && w.rank() == 3, "relaxed_conv2d", "takes x [N, C, H, W] and w [L, H, W], got {} and {}.",
          x.shape(), w.shape());
  const auto convolution = [&](const Tensor& input, const Tensor& kernel, const Tensor& b) {
    return conv2d(input, kernel, b, options);
  };
  return relaxed("relaxed_conv2d", convolution, x, psi, w, bias, over, 4);
}

Tensor relaxed_lift_conv2d(const Tensor& x, const Tensor& psi, const Tensor& w, const Tensor& bias,
                           const groups::LatticeGroup& group, const GroupConv2dOptions& options) {
  require_one_group("relaxed_lift_conv2d", options.groups);
  require_linear("relaxed_lift_conv2d", options);
  require(w.rank() >= 2 && w.size(1) == group.order(), "relaxed_lift_conv2d", "w must be [L, {}, ...], got {}.",
          group.order(), w.shape());
  const auto convolution = [&](const Tensor& input, const Tensor& kernel, const Tensor& b) {
    return lift_conv2d(input, kernel, b, group, options);
  };
  return relaxed("relaxed_lift_conv2d", convolution, x, psi, w, bias, RelaxedOver::output, 5);
}

Tensor relaxed_group_conv2d(const Tensor& x, const Tensor& psi, const Tensor& w, const Tensor& bias,
                            const groups::LatticeGroup& group, const GroupConv2dOptions& options, RelaxedOver over) {
  require_one_group("relaxed_group_conv2d", options.groups);
  require_linear("relaxed_group_conv2d", options);
  require(w.rank() >= 2 && w.size(1) == group.order(), "relaxed_group_conv2d", "w must be [L, {}, ...], got {}.",
          group.order(), w.shape());
  const auto convolution = [&](const Tensor& input, const Tensor& kernel, const Tensor& b) {
    return group_conv2d(input, kernel, b, group, options);
  };
  return relaxed("relaxed_group_conv2d", convolution, x, psi, w, bias, over, 5);
}

Tensor pixel_roughness(const Tensor& w) {
  require(w.rank() >= 2, "pixel_roughness", "takes weights [..., H, W], got {}.", w.shape());
  Tensor total = scalar_like(w, 0);
  std::int64_t values = 0;
  for (const int axis : {-2, -1}) {
    const std::int64_t steps = w.size(axis) - 1;
    if (steps < 1) continue;
    const Tensor difference = narrow(w, axis, 1, steps) - narrow(w, axis, 0, steps);
    total = total + sum(absolute(difference));
    values += difference.numel();
  }
  return mean_of(total, values);
}

Tensor group_roughness(const Tensor& w, const groups::LatticeGroup& group) {
  require(w.rank() >= 2 && w.size(1) == group.order(), "group_roughness", "takes weights [L, {}, ...], got {}.",
          group.order(), w.shape());
  Tensor total = scalar_like(w, 0);
  std::int64_t values = 0;
  for (const int s : group.group.generators()) {
    std::vector<std::int64_t> neighbour;
    for (int t = 0; t < group.order(); ++t) neighbour.push_back(group.group.product(t, s));
    const Tensor positions = constant_on(from_vector(neighbour, {group.order()}, DeviceKind::cpu), w.device());
    total = total + sum(absolute(w - index_select(w, 1, positions)));
    values += w.numel();
  }
  return mean_of(total, values);
}

RelaxedConv2d::RelaxedConv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t rows,
                             std::int64_t columns, RandomKey key, const Conv2dOptions& convolution,
                             const RelaxedOptions& options)
    : convolution_(convolution), over_(options.over) {
  const std::int64_t kernels = options.kernels;
  require_layer("RelaxedConv2d", in, out, kernel, kernels);
  require(rows >= 1 && columns >= 1, "RelaxedConv2d", "the grid of weights is {} x {}. Take 1 or more.", rows, columns);
  psi_ = register_parameter("psi", uniform_psi({kernels, out, in, kernel, kernel}, in, kernel, key, options.dtype));
  w_ = register_parameter("w", full({kernels, rows, columns}, 1 / static_cast<double>(kernels), options.dtype));
  bias_ = register_parameter("bias", zeros({out}, options.dtype));
}

Tensor RelaxedConv2d::forward(const Tensor& x, const nn::Pass&) {
  require(x.rank() == 4, "RelaxedConv2d", "takes images [N, C, H, W], got {}.", x.shape());
  const auto positions = [&](int axis) {
    if (over_ == RelaxedOver::input) return x.size(axis);
    const std::int64_t window = convolution_.dilation * (psi_.size(-1) - 1) + 1;
    const std::int64_t room = x.size(axis) + 2 * convolution_.padding - window;
    require(convolution_.stride >= 1 && room >= 0, "RelaxedConv2d",
            "images {} have no place for a window of {} with padding {} and stride {}.", x.shape(), window,
            convolution_.padding, convolution_.stride);
    return room / convolution_.stride + 1;
  };
  const std::int64_t height = positions(2), width = positions(3);
  const bool fits = w_.size(1) == height && w_.size(2) == width;
  const Tensor w = fits ? w_ : interpolate(w_, height, width, Interpolation::bilinear);
  return relaxed_conv2d(x, psi_, w, bias_, convolution_, over_);
}

Tensor RelaxedConv2d::penalty() const { return pixel_roughness(w_); }

RelaxedGroupConv2d::RelaxedGroupConv2d(groups::LatticeGroup group, bool lifting, std::int64_t in, std::int64_t out,
                                       std::int64_t kernel, RandomKey key, const GroupConv2dOptions& convolution,
                                       const RelaxedOptions& options)
    : group_(std::move(group)), lifting_(lifting), convolution_(convolution), over_(options.over) {
  const std::int64_t kernels = options.kernels, order = group_.order();
  require_layer("RelaxedGroupConv2d", in, out, kernel, kernels);
  const Shape shape =
      lifting ? Shape{kernels, out, in, kernel, kernel} : Shape{kernels, out, in, order, kernel, kernel};
  psi_ = register_parameter("psi", uniform_psi(shape, in, kernel, key, options.dtype));
  w_ = register_parameter("w", full({kernels, order}, 1 / static_cast<double>(kernels), options.dtype));
  bias_ = register_parameter("bias", zeros({out}, options.dtype));
}

Tensor RelaxedGroupConv2d::forward(const Tensor& x, const nn::Pass&) {
  return lifting_ ? relaxed_lift_conv2d(x, psi_, w_, bias_, group_, convolution_)
                  : relaxed_group_conv2d(x, psi_, w_, bias_, group_, convolution_, over_);
}

Tensor RelaxedGroupConv2d::penalty() const { return group_roughness(w_, group_); }

}  // namespace orbitgrad::models
