// What plain and group convolution check and compute alike. Included by op sources only.
#pragma once

#include "engine/dispatch.hpp"
#include "engine/ops/shape_ops.hpp"
#include "kernels/conv2d/conv2d.hpp"

namespace orbitgrad::convolution_checks {

/// Settings of a convolution along both axes.
struct Settings {
  std::int64_t stride, padding, dilation, groups;
};

inline void require_kinds(std::string_view op, const Tensor& x, const Tensor& w, const Tensor& bias) {
  require(x.defined() && w.defined(), op,
          "x and w must be tensors, got an undefined one. Only the bias may be left out.");
  require_same_kind(op, x, w);
  if (bias.defined()) require_same_kind(op, x, bias);
  require(is_floating(x.dtype()), op, "takes float32 or float64, got {}. Convert it first: x.to(DType::float32).",
          name(x.dtype()));
}

inline void require_settings(std::string_view op, const Settings& settings) {
  constexpr std::int64_t most = std::int64_t{1} << 20;  // longer than any image; products with sizes stay in range
  require(settings.stride <= most && settings.padding <= most && settings.dilation <= most, op,
          "stride, padding and dilation are at most {}, got {}, {} and {}. Use smaller ones.", most, settings.stride,
          settings.padding, settings.dilation);
  require(settings.stride >= 1, op, "the stride must be at least 1, got {}. Use 1 to visit every position.",
          settings.stride);
  require(settings.padding >= 0, op, "the padding must not be negative, got {}. Crop x with slice instead.",
          settings.padding);
  require(settings.dilation >= 1, op, "the dilation must be at least 1, got {}. Use 1 for a kernel without gaps.",
          settings.dilation);
  require(settings.groups >= 1, op,
          "the number of channel groups must be at least 1, got {}. Use 1 for a convolution of all channels.",
          settings.groups);
}

/// x has its channels on axis 1, w is [K, C / groups, ...], bias [K] or undefined.
inline void require_channels(std::string_view op, const Tensor& x, const Tensor& w, const Tensor& bias,
                             std::int64_t groups) {
  const std::int64_t in = x.size(1), out = w.size(0);
  if (in % groups != 0 || out % groups != 0)
    fail(op,
         "{} channel groups must divide the {} input channels of x {} and the {} output channels of w {}. Change the "
         "groups or the channels.",
         groups, in, x.shape().to_string(), out, w.shape().to_string());
  if (w.size(1) != in / groups)
    fail(op, "x {} has {} channels in {} group(s), so w must be [K, {}, ...], got {}. Make the channels agree.",
         x.shape().to_string(), in, groups, in / groups, w.shape().to_string());
  if (bias.defined() && bias.shape() != Shape{out})
    fail(op, "the bias must be [{}], one value per output channel, got {}. Reshape it.", out, bias.shape().to_string());
}

/// The kernel fits into the padded image at least once.
inline void require_fit(std::string_view op, const Tensor& x, std::int64_t kernel_height, std::int64_t kernel_width,
                        const Settings& settings) {
  require(kernel_height >= 1 && kernel_width >= 1, op,
          "the kernel must have at least one tap, got {} x {}. Give w a size of 1 or more.", kernel_height,
          kernel_width);
  const std::int64_t height = x.size(-2) + 2 * settings.padding, width = x.size(-1) + 2 * settings.padding;
  const std::int64_t rows = settings.dilation * (kernel_height - 1) + 1;
  const std::int64_t columns = settings.dilation * (kernel_width - 1) + 1;
  if (rows > height || columns > width)
    fail(
        op,
        "the kernel covers {} x {} pixels (dilation {}), the padded image of x {} has only {} x {}. Pad more, or use a "
        "smaller kernel.",
        rows, columns, settings.dilation, x.shape().to_string(), height, width);
}

/// For circular padding: x continued as a torus, and no padding left to do.
inline Tensor pad_ahead(const Tensor& x, std::int64_t& padding, PadMode mode) {
  if (mode == PadMode::zero || padding == 0) return x;
  const Padding both{padding, padding};
  padding = 0;
  return pad(x, {both, both}, PadMode::circular);
}

/// db[c] = sum of dy [batch, channels, positions] over all but c.
template <class T>
void launch_bias_gradient(std::string_view op, DeviceKind device, const kernels::BiasGradientProblem& problem,
                          const T* dy, T* db) {
  constexpr auto on_cpu = [](const kernels::BiasGradientProblem& p, const T* from, T* to) {
    kernels::cpu::conv2d_bias_gradient<T>(p.batch, p.channels, p.positions, from, to);
  };
  launch<kernels::Conv2dBiasGradient<T>>(op, device, on_cpu, problem, dy, db);
}

}  // namespace orbitgrad::convolution_checks
