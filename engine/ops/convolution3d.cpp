#include "engine/ops/convolution3d.hpp"

#include "engine/ops/convolution_checks.hpp"

namespace orbitgrad {

Tensor conv3d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dOptions& options) {
  constexpr std::string_view op = "conv3d";
  convolution_checks::require_kinds(op, x, w, bias);
  require(x.rank() == 5, op, "x must be [N, C, D, H, W], got {}. Reshape it.", x.shape());
  require(w.rank() == 5, op, "w must be [K, C / groups, kd, kh, kw], got {}. Reshape it.", w.shape());
  const convolution_checks::Settings settings{options.stride, options.padding, options.dilation, options.groups};
  convolution_checks::require_settings(op, settings);
  convolution_checks::require_channels(op, x, w, bias, options.groups);
  convolution_checks::require_fit(op, x, w.size(3), w.size(4), settings);

  const Padding depth{options.padding, options.padding};
  const Tensor padded = pad(x, {depth, {}, {}}, options.padding_mode);
  const std::int64_t taps = w.size(2), covered = options.dilation * (taps - 1) + 1;
  require(taps >= 1 && covered <= padded.size(2), op,
          "the kernel covers {} slices (dilation {}), the padded volume of x {} has {}. Pad more, or use a smaller "
          "kernel with at least one tap.",
          covered, options.dilation, x.shape(), padded.size(2));
  const std::int64_t batch = x.size(0), channels = x.size(1), slices = (padded.size(2) - covered) / options.stride + 1;
  // Slice o of tap u is slice o stride + u dilation; taps lie beside their channel, so channel groups stay together.
  std::vector<Tensor> shifted;
  for (std::int64_t tap = 0; tap < taps; ++tap) {
    const std::int64_t start = tap * options.dilation;
    shifted.push_back(
        slice(padded, 2, {.start = start, .stop = start + (slices - 1) * options.stride + 1, .step = options.stride}));
  }
  const Tensor columns = permute(stack(shifted, 2), {0, 3, 1, 2, 4, 5});
  const Tensor y = conv2d(reshape(columns, {batch * slices, channels * taps, x.size(3), x.size(4)}),
                          reshape(w, {w.size(0), w.size(1) * taps, w.size(3), w.size(4)}), bias, options);
  return permute(reshape(y, {batch, slices, y.size(1), y.size(2), y.size(3)}), {0, 2, 1, 3, 4});
}

}  // namespace orbitgrad
