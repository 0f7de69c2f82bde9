// Softmax and its logarithm over the last axis, stable by subtracting the maximum of the row:
//   y_j = exp(x_j - m) / sum_k exp(x_k - m)               dx_j = y_j (dy_j - sum_k dy_k y_k)
//   z_j = x_j - m - log sum_k exp(x_k - m)                dx_j = dz_j - exp(z_j) sum_k dz_k
// A row whose maximum is -infinity, +infinity or NaN gives NaN throughout (x - m is NaN), as in PyTorch.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

#include "kernels/exponential.hpp"
#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// All arrays: [rows, columns]. Sums over a row run in double in a fixed order.
struct SoftmaxProblem {
  std::int64_t rows = 0;
  std::int64_t columns = 0;

  std::int64_t flops() const { return 4 * rows * columns; }
  std::int64_t bytes(std::int64_t element_size) const { return 2 * element_size * rows * columns; }
};

template <class T>
ORBITGRAD_HOST_DEVICE inline T softmax_derivative(T y, T dy, T inner_product) {
  return y * (dy - inner_product);
}

template <class T>
ORBITGRAD_HOST_DEVICE inline T log_softmax_derivative(T z, T dz, T sum) {
  return dz - exponential(z) * sum;
}

template <class T>
struct SoftmaxForward {
  using Problem = SoftmaxProblem;
  using Launch = void(const Problem&, const T* x, T* y);
  static constexpr std::string_view name = "softmax.forward";
};

template <class T>
struct SoftmaxBackward {
  using Problem = SoftmaxProblem;
  using Launch = void(const Problem&, const T* y, const T* dy, T* dx);
  static constexpr std::string_view name = "softmax.backward";
};

template <class T>
struct LogSoftmaxForward {
  using Problem = SoftmaxProblem;
  using Launch = void(const Problem&, const T* x, T* z);
  static constexpr std::string_view name = "log_softmax.forward";
};

template <class T>
struct LogSoftmaxBackward {
  using Problem = SoftmaxProblem;
  using Launch = void(const Problem&, const T* z, const T* dz, T* dx);
  static constexpr std::string_view name = "log_softmax.backward";
};

namespace cpu {

template <class T>
void softmax_forward(const SoftmaxProblem& problem, const T* x, T* y);

/// y is the output of softmax_forward.
template <class T>
void softmax_backward(const SoftmaxProblem& problem, const T* y, const T* dy, T* dx);

template <class T>
void log_softmax_forward(const SoftmaxProblem& problem, const T* x, T* z);

/// z is the output of log_softmax_forward.
template <class T>
void log_softmax_backward(const SoftmaxProblem& problem, const T* z, const T* dz, T* dx);

}  // namespace cpu
}  // namespace orbitgrad::kernels
