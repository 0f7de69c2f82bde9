#include "engine/ops/convolution.hpp"

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

  template <class T>
  void forward(DeviceKind device, const T* x, const T* w, const T* bias_or_null, T* y) const {
    launch<kernels::Conv2dForward<T>>(name, device, kernels::cpu::conv2d_forward<T>, problem, x, w, bias_or_null, y);
  }
  template <class T>
  void input_gradient(DeviceKind device, const T* dy, const T* w, T* dx) const {
    launch<kernels::Conv2dInputGradient<T>>(input_gradient_name, device, kernels::cpu::conv2d_input_gradient<T>,
                                            problem, dy, w, dx);
  }
  template <class T>
  void filter_gradient(DeviceKind device, const T* x, const T* dy, T* dw) const {
    launch<kernels::Conv2dFilterGradient<T>>(filter_gradient_name, device, kernels::cpu::conv2d_filter_gradient<T>,
                                             problem, x, dy, dw);
  }
  template <class T>
  void bias_gradient(DeviceKind device, const T* dy, T* db) const {
    convolution_checks::launch_bias_gradient(
        bias_gradient_name, device, {.batch = y_shape[0], .channels = y_shape[1], .positions = y_shape[2] * y_shape[3]},
        dy, db);
  }
};

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dOptions& options) {
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
  kernels::Conv2dProblem problem;
  problem.batch = padded.size(0), problem.in_channels = padded.size(1);
  problem.in_height = padded.size(2), problem.in_width = padded.size(3);
  problem.out_channels = w.size(0), problem.kernel_height = w.size(2), problem.kernel_width = w.size(3);
  problem.stride_height = problem.stride_width = options.stride;
  problem.padding_height = problem.padding_width = padding;
  problem.dilation_height = problem.dilation_width = options.dilation;
  problem.groups = options.groups;
  const Shape y_shape{problem.batch, problem.out_channels, problem.out_height(), problem.out_width()};
  return bilinear::forward<PlainConvolution>(
      std::make_shared<const PlainConvolution>(PlainConvolution{problem, padded.shape(), w.shape(), y_shape}), padded,
      w, bias);
}

}  // namespace orbitgrad
