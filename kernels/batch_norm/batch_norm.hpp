// Batch normalisation of [N, C, P] per field C (Ioffe & Szegedy 2015); for group features P = S H W, so that all
// elements of a field share mean and variance and the group action commutes with it:
//   y = gamma (x - mean) rstd + beta,   rstd = 1 / sqrt(variance + epsilon),   optionally followed by ReLU
// Backward, with h = (x - mean) rstd, M = N P, dy masked by the ReLU: dbeta = sum dy, dgamma = sum dy h,
//   dx = gamma rstd (dy - dbeta / M - h dgamma / M)   with statistics of the batch,   dx = gamma rstd dy   with fixed
//   ones.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// x, y, dx, dy: [batch, fields, positions]; every per-field array: [fields].
struct BatchNormProblem {
  std::int64_t batch = 0;
  std::int64_t fields = 0;
  std::int64_t positions = 0;
  bool relu = false;             ///< y = max(0, ...), its mask recomputed from x in the backward pass
  bool batch_statistics = true;  ///< mean and rstd depend on x (training); false: they are constants (evaluation)
  double epsilon = 1e-5;

  std::int64_t count() const { return batch * fields * positions; }
  std::int64_t flops() const { return 7 * count(); }
  /// Compulsory traffic of the training forward pass where a field does not fit the cache: x twice, y once.
  std::int64_t bytes(std::int64_t element_size) const { return 3 * element_size * count(); }
};

/// NaN if the variance is infinite: it has overflowed, and 0 would be a wrong answer that nobody notices.
template <class T>
ORBITGRAD_HOST_DEVICE inline T batch_norm_rstd(T variance, double epsilon) {
  const double wide = static_cast<double>(variance);
  return static_cast<T>(1.0 / std::sqrt(wide + epsilon) + 0.0 * wide);
}

/// What a field is normalised with.
template <class T>
struct BatchNormField {
  T mean, rstd, scale, beta;
};

/// gammas and betas may be null: 1 and 0.
template <class T>
ORBITGRAD_HOST_DEVICE inline BatchNormField<T> batch_norm_field(const BatchNormProblem& p, std::int64_t field,
                                                                const T* means, const T* variances, const T* gammas,
                                                                const T* betas) {
  const T rstd = batch_norm_rstd(variances[field], p.epsilon);
  return {means[field], rstd, gammas ? gammas[field] * rstd : rstd, betas ? betas[field] : T(0)};
}

/// The same expression for every element, so that permuting positions permutes the bits of the result.
template <class T>
ORBITGRAD_HOST_DEVICE inline T batch_norm_value(const BatchNormField<T>& field, T x) {
  return (x - field.mean) * field.scale + field.beta;
}

/// With a ReLU that keeps NaN.
template <class T>
ORBITGRAD_HOST_DEVICE inline T batch_norm_output(const BatchNormField<T>& field, bool relu, T x) {
  const T y = batch_norm_value(field, x);
  return relu && y < T(0) ? T(0) : y;
}

/// A pair of sums over a field.
struct BatchNormSums {
  double first = 0, second = 0;

  ORBITGRAD_HOST_DEVICE void add(const BatchNormSums& terms) {
    first += terms.first;
    second += terms.second;
  }
};

/// Moments about a field's first value, which leaves nothing large to cancel in the variance.
ORBITGRAD_HOST_DEVICE inline BatchNormSums batch_norm_moments(double value, double shift) {
  const double d = value - shift;
  return {d, d * d};
}

template <class T>
ORBITGRAD_HOST_DEVICE inline void batch_norm_finish(double count, double shift, const BatchNormSums& sums, T* mean,
                                                    T* variance) {
  const double d = sums.first / count, spread = sums.second / count - d * d;
  *mean = static_cast<T>(shift + d);
  *variance = static_cast<T>(spread < 0 ? 0.0 : spread);
}

/// The gradient behind the ReLU, whose mask is that of the forward pass because the expression is.
template <class T>
ORBITGRAD_HOST_DEVICE inline T batch_norm_masked(const BatchNormField<T>& field, bool relu, T x, T dy) {
  return !relu || batch_norm_value(field, x) > T(0) ? dy : T(0);
}

/// What an element adds to dbeta and dgamma.
template <class T>
ORBITGRAD_HOST_DEVICE inline BatchNormSums batch_norm_gradient_terms(const BatchNormField<T>& field, bool relu, T x,
                                                                     T dy) {
  const double gradient = static_cast<double>(batch_norm_masked(field, relu, x, dy));
  return {gradient, gradient * static_cast<double>((x - field.mean) * field.rstd)};
}

/// What the statistics of the batch take away from the gradient: mean + slope h.
template <class T>
struct BatchNormCorrection {
  T mean, slope;
};

/// sums: dbeta and dgamma of the field.
template <class T>
ORBITGRAD_HOST_DEVICE inline BatchNormCorrection<T> batch_norm_correction(const BatchNormProblem& p,
                                                                          const BatchNormSums& sums) {
  if (!p.batch_statistics) return {T(0), T(0)};
  const double count = static_cast<double>(p.batch * p.positions);
  return {static_cast<T>(sums.first / count), static_cast<T>(sums.second / count)};
}

template <class T>
ORBITGRAD_HOST_DEVICE inline T batch_norm_input_gradient(const BatchNormField<T>& field,
                                                         const BatchNormCorrection<T>& correction, bool relu, T x,
                                                         T dy) {
  const T normalised = (x - field.mean) * field.rstd;
  return field.scale * (batch_norm_masked(field, relu, x, dy) - correction.mean - normalised * correction.slope);
}

template <class T>
struct BatchNormStatistics {
  using Problem = BatchNormProblem;
  using Launch = void(const Problem&, const T* x, T* mean, T* variance);
  static constexpr std::string_view name = "batch_norm.statistics";
};

template <class T>
struct BatchNormNormalise {
  using Problem = BatchNormProblem;
  using Launch = void(const Problem&, const T* x, const T* mean, const T* variance, const T* gamma, const T* beta,
                      T* y);
  static constexpr std::string_view name = "batch_norm.normalise";
};

template <class T>
struct BatchNormForward {
  using Problem = BatchNormProblem;
  using Launch = void(const Problem&, const T* x, const T* gamma, const T* beta, T* mean, T* variance, T* y);
  static constexpr std::string_view name = "batch_norm.forward";
};

template <class T>
struct BatchNormBackward {
  using Problem = BatchNormProblem;
  using Launch = void(const Problem&, const T* x, const T* dy, const T* mean, const T* variance, const T* gamma,
                      const T* beta, T* dx, T* dgamma, T* dbeta);
  static constexpr std::string_view name = "batch_norm.backward";
};

namespace cpu {

/// Mean and biased variance of every field, accumulated in double over chunks of fixed size; NaN if a field is empty.
template <class T>
void batch_norm_statistics(const BatchNormProblem& problem, const T* x, T* mean, T* variance);

/// gamma and beta may be null: 1 and 0. The element-wise step, alone: evaluation, with running statistics.
template <class T>
void batch_norm_normalise(const BatchNormProblem& problem, const T* x, const T* mean, const T* variance, const T* gamma,
                          const T* beta, T* y);

/// Statistics, then normalise, field by field while the field is in cache; the same bits as the two calls.
template <class T>
void batch_norm_forward(const BatchNormProblem& problem, const T* x, const T* gamma, const T* beta, T* mean,
                        T* variance, T* y);

/// gamma, beta and each of the outputs may be null. mean and variance are what the forward pass used.
template <class T>
void batch_norm_backward(const BatchNormProblem& problem, const T* x, const T* dy, const T* mean, const T* variance,
                         const T* gamma, const T* beta, T* dx, T* dgamma, T* dbeta);

}  // namespace cpu
}  // namespace orbitgrad::kernels
