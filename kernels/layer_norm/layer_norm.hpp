// Layer normalisation of the rows of x [rows, columns] with one weight and bias a column (Ba, Kiros and Hinton 2016),
// in one pass over memory; what a row is normalised with, and the derivative, are a field's of kernels/batch_norm:
//   y = h weight + bias,   h = (x - mean) rstd;   with g = dy weight:
//   dx = rstd (g - mean_j g - h mean_j (g h)),   dweight = sum_rows dy h,   dbias = sum_rows dy
// The cpu's alone: on a device the op is composed of batch_norm's kernels and two elementwise ones.
#pragma once

#include <cstdint>
#include <string_view>

namespace orbitgrad::kernels {

/// x, y, dx, dy: [rows, columns]; weight, bias and their gradients: [columns]; mean, variance: [rows].
struct LayerNormProblem {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  double epsilon = 1e-5;

  std::int64_t flops() const { return 9 * rows * columns; }
  std::int64_t bytes(std::int64_t element_size) const { return 2 * element_size * rows * columns; }
};

template <class T>
struct LayerNormForward {
  using Problem = LayerNormProblem;
  using Launch = void(const Problem&, const T* x, const T* weight, const T* bias, T* mean, T* variance, T* y);
  static constexpr std::string_view name = "layer_norm.forward";
};

template <class T>
struct LayerNormBackward {
  using Problem = LayerNormProblem;
  using Launch = void(const Problem&, const T* x, const T* dy, const T* mean, const T* variance, const T* weight, T* dx,
                      T* dweight, T* dbias);
  static constexpr std::string_view name = "layer_norm.backward";
};

namespace cpu {

/// weight and bias may be null: 1 and 0. Moments are summed in double in a fixed order.
template <class T>
void layer_norm_forward(const LayerNormProblem& problem, const T* x, const T* weight, const T* bias, T* mean,
                        T* variance, T* y);

/// weight and each of the outputs may be null. mean and variance are what the forward pass wrote. Columns are summed in
/// double over chunks of rows that the shape alone decides.
template <class T>
void layer_norm_backward(const LayerNormProblem& problem, const T* x, const T* dy, const T* mean, const T* variance,
                         const T* weight, T* dx, T* dweight, T* dbias);

}  // namespace cpu
}  // namespace orbitgrad::kernels
