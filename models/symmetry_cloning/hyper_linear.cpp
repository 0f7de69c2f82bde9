// The hyper-linear student and its two orders of products over many channels.
#include "engine/ops/affine.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "models/symmetry_cloning/student.hpp"
#include "nn/layer_options.hpp"

namespace orbitgrad::models {

HyperLinearStudent::HyperLinearStudent(const StudentSizes& sizes, RandomKey key, const StudentOptions& options)
    : Student("HyperLinearStudent", sizes, options.rectified, true) {
  matrices_ = register_parameter("matrices",
                                 nn::fan_in_normal({sizes.taps, sizes.out, sizes.in}, sizes.in, 1, key, options.dtype));
  bias_ = register_parameter("bias", zeros({sizes.out}, options.dtype));
}

Tensor HyperLinearStudent::map(const Tensor& x, const Tensor& tau) const {
  const std::int64_t samples = x.size(0);
  const auto [in, out, taps] = sizes();
  const Tensor z = reshape(affine(x, reshape(matrices_, {taps * out, in})), {samples, taps, out});
  return sum(z * unsqueeze(tau, 2), {1}) + bias_;
}

Tensor HyperLinearStudent::with_bias(const Tensor& y, std::int64_t channels) const {
  return y + bias_ * static_cast<double>(channels);
}

Tensor HyperLinearStudent::by_features(const Tensor& x, const Tensor& tau) const {
  const std::int64_t samples = x.size(0), channels = x.size(1);
  const auto [in, out, taps] = sizes();
  const Tensor z = affine(x, reshape(matrices_, {taps * out, in}));  // [N, C_in, K d_out]
  const Tensor y = matmul(reshape(tau, {tau.size(0), channels * taps}), reshape(z, {samples, channels * taps, out}));
  return with_bias(y, channels);
}

Tensor HyperLinearStudent::by_weights(const Tensor& x, const Tensor& tau) const {
  const std::int64_t samples = x.size(0), channels = x.size(1), results = tau.size(0);
  const auto [in, out, taps] = sizes();
  const Tensor blocks = matmul(reshape(tau, {results * channels, taps}), reshape(matrices_, {taps, out * in}));
  const Tensor weight =
      reshape(permute(reshape(blocks, {results, channels, out, in}), {0, 2, 1, 3}), {results * out, channels * in});
  const Tensor y = affine(reshape(x, {samples, channels * in}), weight);
  return with_bias(reshape(y, {samples, results, out}), channels);
}

Tensor HyperLinearStudent::map_channels(const Tensor& x, const Tensor& tau) const {
  const auto samples = static_cast<double>(x.size(0)), channels = static_cast<double>(x.size(1)),
             results = static_cast<double>(tau.size(0)), in = static_cast<double>(sizes().in),
             out = static_cast<double>(sizes().out), taps = static_cast<double>(sizes().taps);
  // Products forward and, for what is trained, backward. The gradient of tau is a product with z in one order; the
  // other needs that of the whole weight first.
  const bool of_x = x.requires_grad(), of_tau = tau.requires_grad(), of_matrices = matrices_.requires_grad();
  const double dense = in * out;
  const double features = samples * channels * taps *
                          (dense * (1 + of_x + of_matrices) + results * out * (1 + of_tau + (of_x || of_matrices)));
  const double weights =
      results * channels * dense * (samples * (1 + of_x + (of_tau || of_matrices)) + taps * (1 + of_tau + of_matrices));
  return features < weights ? by_features(x, tau) : by_weights(x, tau);
}

}  // namespace orbitgrad::models
