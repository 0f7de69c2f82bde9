#include "engine/ops/convolution.hpp"

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/bilinear_convolution.hpp"
#include "engine/ops/convolution_checks.hpp"
#include "kernels/conv2d/conv2d.hpp"

namespace orbitgrad {

namespace {

struct PlainConvolution {
  static constexpr std::string_view name = "conv2d", input_gradient_name = "conv2d_input_gradient",
                                    filter_gradient_name = "conv2d_filter_gradient",
                                    bias_gradient_name = "conv2d_bias_gradient";
  kernels::Conv2dProblem problem;
  Shape x_shape, w_shape, y_shape;
  Rounding rounding;

  template <class T>
  void forward(DeviceKind device, const T* x, const T* w, const T* bias_or_null, T* y) const {
    rounding.launch<kernels::Conv2dForward<T>>(name, device, kernels::cpu::conv2d_forward<T>, problem, x, w,
                                               bias_or_null, y);
  }
  template <class T>
  void input_gradient(DeviceKind device, const T* dy, const T* w, T* dx) const {
    rounding.launch<kernels::Conv2dInputGradient<T>>(input_gradient_name, device,
                                                     kernels::cpu::conv2d_input_gradient<T>, problem, dy, w, dx);
  }
  template <class T>
  void filter_gradient(DeviceKind device, const T* x, const T* dy, T* dw) const {
    rounding.launch<kernels::Conv2dFilterGradient<T>>(filter_gradient_name, device,
                                                      kernels::cpu::conv2d_filter_gradient<T>, problem, x, dy, dw);
  }
  template <class T>
  void bias_gradient(DeviceKind device, const T* dy, T* db) const {
    convolution_checks::launch_bias_gradient(
        bias_gradient_name, device, {.batch = y_shape[0], .channels = y_shape[1], .positions = y_shape[2] * y_shape[3]},
        dy, db);
  }
};

kernels::Conv2dProblem problem_of(const Shape& x, const Shape& w, std::int64_t padding, const Conv2dOptions& options) {
  kernels::Conv2dProblem problem;
  problem.batch = x[0], problem.in_channels = x[1], problem.in_height = x[2], problem.in_width = x[3];
  problem.out_channels = w[0], problem.kernel_height = w[2], problem.kernel_width = w[3];
  problem.stride_height = problem.stride_width = options.stride;
  problem.padding_height = problem.padding_width = padding;
  problem.dilation_height = problem.dilation_width = options.dilation;
  problem.groups = options.groups;
  return problem;
}

/// In the precision of tensors like x.
std::shared_ptr<const PlainConvolution> convolution_of(const kernels::Conv2dProblem& problem, const Shape& x_shape,
                                                       const Shape& w_shape, const Shape& y_shape, const Tensor& like) {
  using namespace kernels;
  return std::make_shared<const PlainConvolution>(
      PlainConvolution{problem, x_shape, w_shape, y_shape,
                       Rounding::of<Conv2dForward<float>, Conv2dInputGradient<float>, Conv2dFilterGradient<float>>(
                           precision_of(like.dtype()), like.device(), problem)});
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dOptions& options) {
  if (is_half_product(x, w, bias)) {
    return product_of_halves(x, w, bias, [&](const Tensor& wide_x, const Tensor& wide_w, const Tensor& wide_bias) {
      return conv2d(wide_x, wide_w, wide_bias, options);
    });
  }
  constexpr std::string_view op = PlainConvolution::name;
  convolution_checks::require_kinds(op, x, w, bias);
  if (x.rank() != 4) fail(op, "x must be [N, C, H, W], got {}. Reshape it.", x.shape().to_string());
  if (w.rank() != 4) fail(op, "w must be [K, C / groups, kh, kw], got {}. Reshape it.", w.shape().to_string());
  const convolution_checks::Settings settings{options.stride, options.padding, options.dilation, options.groups};
  convolution_checks::require_settings(op, settings);
  convolution_checks::require_channels(op, x, w, bias, options.groups);
  convolution_checks::require_fit(op, x, w.size(2), w.size(3), settings);

  std::int64_t padding = options.padding;
  const Tensor padded = convolution_checks::pad_ahead(x, padding, options.padding_mode);
  const kernels::Conv2dProblem problem = problem_of(padded.shape(), w.shape(), padding, options);
  const Shape y_shape{problem.batch, problem.out_channels, problem.out_height(), problem.out_width()};
  return bilinear::forward<PlainConvolution>(convolution_of(problem, padded.shape(), w.shape(), y_shape, x), padded, w,
                                             bias);
}

Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dOptions& options,
                        std::int64_t output_padding) {
  if (is_half_product(x, w, bias)) {
    return product_of_halves(x, w, bias, [&](const Tensor& wide_x, const Tensor& wide_w, const Tensor& wide_bias) {
      return conv_transpose2d(wide_x, wide_w, wide_bias, options, output_padding);
    });
  }
  constexpr std::string_view op = "conv_transpose2d";
  convolution_checks::require_kinds(op, x, w, bias);
  if (x.rank() != 4) fail(op, "x must be [N, K, H, W], got {}. Reshape it.", x.shape().to_string());
  if (w.rank() != 4) fail(op, "w must be [K, C / groups, kh, kw], got {}. Reshape it.", w.shape().to_string());
  convolution_checks::require_settings(op, {options.stride, options.padding, options.dilation, options.groups});
  require(options.padding_mode == PadMode::zero, op, "pads with zeros only. Pad a convolution circularly instead.");
  require(output_padding >= 0 && output_padding < options.stride, op,
          "the output padding must be in [0, stride), got {} for stride {}. Use 0 for the smallest result.",
          output_padding, options.stride);
  require(w.size(0) == x.size(1) && w.size(0) % options.groups == 0, op,
          "w {} must have the {} channels of x {} first, a multiple of the {} group(s). Swap its first two axes.",
          w.shape(), x.size(1), x.shape(), options.groups);
  require(w.size(2) >= 1 && w.size(3) >= 1 && x.size(2) >= 1 && x.size(3) >= 1, op,
          "x {} and w {} must have at least one pixel and one tap. Leave empty images out.", x.shape(), w.shape());
  const auto length = [&](int axis) {
    return (x.size(axis) - 1) * options.stride - 2 * options.padding + options.dilation * (w.size(axis) - 1) + 1 +
           output_padding;
  };
  const std::int64_t channels = w.size(1) * options.groups;
  const Shape shape{x.size(0), channels, length(2), length(3)};
  require(shape[2] >= 1 && shape[3] >= 1, op, "a padding of {} cuts x {} down to {} x {}. Pad less.", options.padding,
          x.shape(), shape[2], shape[3]);
  checked_numel(op, shape);
  require(!bias.defined() || bias.shape() == Shape{channels}, op,
          "the bias must be [{}], one value per output channel, got {}. Reshape it.", channels,
          bias.defined() ? bias.shape().to_string() : "none");
  const kernels::Conv2dProblem problem = problem_of(shape, w.shape(), options.padding, options);
  const Tensor y =
      bilinear::input_gradient<PlainConvolution>(convolution_of(problem, shape, w.shape(), x.shape(), x), x, w);
  return bias.defined() ? y + reshape(bias, {channels, 1, 1}) : y;
}

}  // namespace orbitgrad
