// Plain two-dimensional correlation, NCHW, with its two derivatives (the operation is bilinear, they close on three
// ops):
//   y[n,k,o] = b[k] + sum_{c,u} xpad[n, c, o stride + u dilation - padding] w[k, c, u],   xpad = x continued by zeros.
// Implementations `onednn` (float) and `direct` (float, double; conv2d/direct.hpp).
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/dispatch.hpp"
#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// x [batch, in_channels, in_height, in_width], w [out_channels, in_channels / groups, kernel_height, kernel_width],
/// bias [out_channels], y [batch, out_channels, out_height(), out_width()], all dense row-major. Channel group i of the
/// output reads channel group i of the input; groups divides both channel counts. out_height(), out_width() >= 0.
struct Conv2dProblem {
  std::int64_t batch = 0, in_channels = 0, in_height = 0, in_width = 0;
  std::int64_t out_channels = 0, kernel_height = 1, kernel_width = 1;
  std::int64_t stride_height = 1, stride_width = 1;
  std::int64_t padding_height = 0, padding_width = 0;
  std::int64_t dilation_height = 1, dilation_width = 1;
  std::int64_t groups = 1;
  std::string_view implementation = {};  ///< forced by name; empty, or one that does not support it: automatic choice

  std::int64_t out_height() const {
    return out_size(in_height, kernel_height, stride_height, padding_height, dilation_height);
  }
  std::int64_t out_width() const {
    return out_size(in_width, kernel_width, stride_width, padding_width, dilation_width);
  }
  /// Positions of the kernel along one axis; 0 if it does not fit.
  ORBITGRAD_HOST_DEVICE static constexpr std::int64_t out_size(std::int64_t in, std::int64_t kernel,
                                                               std::int64_t stride, std::int64_t padding,
                                                               std::int64_t dilation) {
    const std::int64_t room = in + 2 * padding - dilation * (kernel - 1) - 1;
    return room < 0 ? 0 : room / stride + 1;
  }

  std::int64_t x_size() const { return batch * in_channels * in_height * in_width; }
  std::int64_t w_size() const {
    return groups == 0 ? 0 : out_channels * (in_channels / groups) * kernel_height * kernel_width;
  }
  std::int64_t y_size() const { return batch * out_channels * out_height() * out_width(); }

  /// Of any of the three ops, counting multiplications with padding zeros.
  double flops() const {
    return out_channels == 0 ? 0.0 : 2.0 * static_cast<double>(y_size()) * static_cast<double>(w_size() / out_channels);
  }
  /// Compulsory traffic of any of the three ops for elements of that many bytes: each array once.
  double bytes(double element_size) const { return element_size * static_cast<double>(x_size() + w_size() + y_size()); }
};

template <class T>
struct Conv2dForward {
  using Problem = Conv2dProblem;
  using Launch = void(const Problem&, const T* x, const T* w, const T* bias_or_null, T* y);
  static constexpr std::string_view name = "conv2d.forward";
};
template <class T>
struct Conv2dInputGradient {
  using Problem = Conv2dProblem;
  using Launch = void(const Problem&, const T* dy, const T* w, T* dx);
  static constexpr std::string_view name = "conv2d.input_gradient";
};
template <class T>
struct Conv2dFilterGradient {
  using Problem = Conv2dProblem;
  using Launch = void(const Problem&, const T* x, const T* dy, T* dw);
  static constexpr std::string_view name = "conv2d.filter_gradient";
};

/// dy [batch, channels, positions], db [channels].
struct BiasGradientProblem {
  std::int64_t batch = 0, channels = 0, positions = 0;

  double flops() const { return static_cast<double>(batch * channels * positions); }
  /// Compulsory traffic for elements of that many bytes.
  double bytes(double element_size) const {
    return element_size * static_cast<double>(channels * (batch * positions + 1));
  }
};
template <class T>
struct Conv2dBiasGradient {
  using Problem = BiasGradientProblem;
  using Launch = void(const Problem&, const T* dy, T* db);
  static constexpr std::string_view name = "conv2d.bias_gradient";
};

namespace cpu {

/// y from x, w and the bias (null: none). All four functions overwrite their last argument; the bits depend on the
/// problem alone, never on the number of threads. T is float or double.
template <class T>
void conv2d_forward(const Conv2dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y);
/// dx[n,c,p] = sum over (k,o,u) with o stride + u dilation - padding = p of dy[n,k,o] w[k,c,u].
template <class T>
void conv2d_input_gradient(const Conv2dProblem& problem, const T* dy, const T* w, T* dx);
/// dw[k,c,u] = sum_{n,o} dy[n,k,o] xpad[n, c, o stride + u dilation - padding].
template <class T>
void conv2d_filter_gradient(const Conv2dProblem& problem, const T* x, const T* dy, T* dw);
/// db[k] = sum_{n,o} dy[n,k,o] for dy [batch, channels, positions].
template <class T>
void conv2d_bias_gradient(std::int64_t batch, std::int64_t channels, std::int64_t positions, const T* dy, T* db);

}  // namespace cpu
}  // namespace orbitgrad::kernels
