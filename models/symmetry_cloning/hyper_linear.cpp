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
  const auto number = [](std::int64_t count) { return static_cast<double>(count); };
  const double samples = number(x.size(0)), in = number(x.size(1)), out = number(tau.size(0)),
               taps = number(sizes().taps), results = number(sizes().out), dense = results * number(sizes().in);
  // Multiplications forward and, for what is trained, backward. Each small product per sample runs at half the speed of
  // a large one, and each pass over a matrix takes as long as 30 multiplications per entry.
  constexpr double slow = 2, passes = 30;
  const int of_x = x.requires_grad(), of_tau = tau.requires_grad(), of_matrices = matrices_.requires_grad();
  const int of_features = of_x | of_matrices, of_weights = of_tau | of_matrices;
  const double by_feature_products = samples * in * taps * dense * (1 + of_x + of_matrices) +
                                     samples * in * taps * out * results * (1 + of_tau + of_features) * slow;
  const double by_weight_products = in * out * dense * samples * (1 + of_x + of_weights) +
                                    in * out * dense * taps * (1 + of_tau + of_matrices) +
                                    (taps + in * out * (in > 1 ? 2 : 1)) * dense * passes * (1 + of_weights);
  return by_feature_products < by_weight_products ? by_features(x, tau) : by_weights(x, tau);
}

}  // namespace orbitgrad::models
