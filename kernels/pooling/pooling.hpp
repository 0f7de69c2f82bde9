// Pooling of image planes over windows, with the conventions of PyTorch:
//   max:      y[p, o] = max over the window of x, padding counts as -infinity; ties go to the lowest index, NaN wins
//   average:  y[p, o] = 1 / (kernel_h kernel_w) sum over the window of x, padding counts as 0 (count_include_pad)
// The derivative of the maximum is gather_axis.hpp with the saved index; the average is linear and has its adjoint
// here.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/gather_axis/gather_axis.hpp"
#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// x: [planes, height, width] with planes = N C (times |G| for group features); y: [planes, out_height, out_width].
/// height * width fits 31 bits. A window should meet the image, that is 2 pad <= kernel; one that does not gives
/// -infinity and index -1.
struct Pool2dProblem {
  std::int64_t planes = 0;
  std::int64_t height = 0, width = 0;
  std::int64_t kernel_h = 1, kernel_w = 1;
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t pad_h = 0, pad_w = 0;

  ORBITGRAD_HOST_DEVICE static std::int64_t output_size(std::int64_t size, std::int64_t kernel, std::int64_t stride,
                                                        std::int64_t pad) {
    return size + 2 * pad < kernel ? 0 : (size + 2 * pad - kernel) / stride + 1;
  }
  ORBITGRAD_HOST_DEVICE std::int64_t out_height() const { return output_size(height, kernel_h, stride_h, pad_h); }
  ORBITGRAD_HOST_DEVICE std::int64_t out_width() const { return output_size(width, kernel_w, stride_w, pad_w); }
  std::int64_t flops() const { return planes * out_height() * out_width() * kernel_h * kernel_w; }
  /// Compulsory traffic of the forward pass without the index (8 bytes an output more with it).
  std::int64_t bytes(std::int64_t element_size) const {
    return element_size * planes * (height * width + out_height() * out_width());
  }
  /// The gather that is the derivative of the maximum, to be used with the saved index.
  GatherAxisProblem gather() const { return {planes, height * width, out_height() * out_width(), 1}; }
};

/// The half-open range of positions along one axis that a window or its adjoint visits.
struct PoolRange {
  std::int64_t begin, end;
};

/// Inputs under the window of output `o`, without the padding.
ORBITGRAD_HOST_DEVICE inline PoolRange pool_window(std::int64_t o, std::int64_t kernel, std::int64_t stride,
                                                   std::int64_t pad, std::int64_t size) {
  const std::int64_t begin = o * stride - pad, end = begin + kernel;
  return {begin < 0 ? 0 : begin, end > size ? size : end};
}

/// Outputs whose window covers input `i`.
ORBITGRAD_HOST_DEVICE inline PoolRange pool_covering(std::int64_t i, std::int64_t kernel, std::int64_t stride,
                                                     std::int64_t pad, std::int64_t out_size) {
  const std::int64_t first = i + pad - kernel + 1;
  const std::int64_t begin = first <= 0 ? 0 : (first + stride - 1) / stride, end = (i + pad) / stride + 1;
  return {begin, end > out_size ? out_size : end};
}

/// Whether `candidate`, met later, replaces `best`: strictly larger, or the first NaN.
template <class T>
ORBITGRAD_HOST_DEVICE inline bool replaces_maximum(T candidate, T best) {
  return candidate > best || (candidate != candidate && best == best);
}

template <class T>
struct MaxPool2dForward {
  using Problem = Pool2dProblem;
  using Launch = void(const Problem&, const T* x, T* y, std::int64_t* index);
  static constexpr std::string_view name = "max_pool2d.forward";
};

template <class T>
struct MaxPool2dBackward {
  using Problem = Pool2dProblem;
  using Launch = void(const Problem&, const T* dy, const std::int64_t* index, T* dx);
  static constexpr std::string_view name = "max_pool2d.backward";
};

template <class T>
struct AveragePool2dForward {
  using Problem = Pool2dProblem;
  using Launch = void(const Problem&, const T* x, T* y);
  static constexpr std::string_view name = "average_pool2d.forward";
};

template <class T>
struct AveragePool2dAdjoint {
  using Problem = Pool2dProblem;
  using Launch = void(const Problem&, const T* dy, T* dx);
  static constexpr std::string_view name = "average_pool2d.adjoint";
};

namespace cpu {

/// index: [planes, out_height, out_width], position of the winner in its plane, row * width + col. May be null.
template <class T>
void max_pool2d_forward(const Pool2dProblem& problem, const T* x, T* y, std::int64_t* index);

/// scatter_add_axis of problem.gather(): overwrites dx.
template <class T>
void max_pool2d_backward(const Pool2dProblem& problem, const T* dy, const std::int64_t* index, T* dx);

template <class T>
void average_pool2d_forward(const Pool2dProblem& problem, const T* x, T* y);

template <class T>
void average_pool2d_adjoint(const Pool2dProblem& problem, const T* dy, T* dx);

}  // namespace cpu
}  // namespace orbitgrad::kernels
