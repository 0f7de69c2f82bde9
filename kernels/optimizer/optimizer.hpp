// One step of an optimizer on a flat parameter, or on many at once, all in one pass over memory. With g the gradient
// times gradient_scale:
//   SGD    g += wd p;  b = mu b + g;  p -= lr b,  or lr (g + mu b) with Nesterov
//   Adam   g += wd p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
//          p -= lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + epsilon)            (Kingma & Ba 2015)
//   AdamW  the same without g += wd p, after p *= 1 - lr wd                         (Loshchilov & Hutter 2019)
//   RMSprop  g += wd p;  v = a v + (1 - a) g^2;  u = g / (sqrt(v) + epsilon), or, centred, with m = a m + (1 - a) g,
//          g / (sqrt(v - m^2) + epsilon);  b = mu b + u;  p -= lr b                (Tieleman & Hinton 2012; Graves
//          2013)
// State starts at zero. The order of operations is that of PyTorch.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

struct SgdProblem {
  std::int64_t count = 0;  ///< of all parameters together
  double learning_rate = 1e-2;
  double momentum = 0;
  double weight_decay = 0;
  bool nesterov = false;
  double gradient_scale = 1;  ///< multiplies the gradient first: clipping by norm costs no pass of its own
  std::function<SgdProblem()> at_replay = {};  ///< in a recorded step: the problem of a later run; else empty

  std::int64_t flops() const { return 6 * count; }
  std::int64_t bytes(std::int64_t element_size) const { return element_size * count * (momentum != 0 ? 5 : 3); }
};

struct AdamProblem {
  std::int64_t count = 0;  ///< of all parameters together
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  bool decoupled = false;  ///< AdamW
  double gradient_scale = 1;
  std::int64_t step = 1;  ///< t, counted from 1: the number of this step
  std::function<AdamProblem()> at_replay = {};

  std::int64_t flops() const { return 14 * count; }
  std::int64_t bytes(std::int64_t element_size) const { return 7 * element_size * count; }
};

struct RmsPropProblem {
  std::int64_t count = 0;  ///< of all parameters together
  double learning_rate = 1e-2;
  double smoothing = 0.99;  ///< a
  double momentum = 0;
  double epsilon = 1e-8;
  double weight_decay = 0;
  bool centred = false;  ///< divides by the deviation of the gradient instead of its root mean square
  double gradient_scale = 1;
  std::function<RmsPropProblem()> at_replay = {};

  std::int64_t flops() const { return 10 * count; }
  std::int64_t bytes(std::int64_t element_size) const {
    return element_size * count * (5 + (momentum != 0 ? 2 : 0) + (centred ? 2 : 0));
  }
};

/// The hyperparameters as one element sees them, rounded once to the type of the parameter.
template <class T>
struct SgdCoefficients {
  T learning_rate, momentum, weight_decay, gradient_scale;
  bool nesterov;

  explicit SgdCoefficients(const SgdProblem& problem)
      : learning_rate(static_cast<T>(problem.learning_rate)),
        momentum(static_cast<T>(problem.momentum)),
        weight_decay(static_cast<T>(problem.weight_decay)),
        gradient_scale(static_cast<T>(problem.gradient_scale)),
        nesterov(problem.nesterov) {}
};

template <class T>
struct AdamCoefficients {
  T beta1, beta2, one_minus_beta1, one_minus_beta2, epsilon, gradient_scale;
  T shrink;           ///< AdamW: 1 - lr wd, else 1
  T weight_decay;     ///< Adam: wd, else 0
  T step_size;        ///< lr / (1 - b1^t)
  T root_correction;  ///< sqrt(1 - b2^t)

  explicit AdamCoefficients(const AdamProblem& problem)
      : beta1(static_cast<T>(problem.beta1)),
        beta2(static_cast<T>(problem.beta2)),
        one_minus_beta1(static_cast<T>(1 - problem.beta1)),
        one_minus_beta2(static_cast<T>(1 - problem.beta2)),
        epsilon(static_cast<T>(problem.epsilon)),
        gradient_scale(static_cast<T>(problem.gradient_scale)),
        shrink(static_cast<T>(problem.decoupled ? 1 - problem.learning_rate * problem.weight_decay : 1.0)),
        weight_decay(static_cast<T>(problem.decoupled ? 0.0 : problem.weight_decay)),
        step_size(
            static_cast<T>(problem.learning_rate / (1 - std::pow(problem.beta1, static_cast<double>(problem.step))))),
        root_correction(static_cast<T>(std::sqrt(1 - std::pow(problem.beta2, static_cast<double>(problem.step))))) {}
};

template <class T>
struct RmsPropCoefficients {
  T learning_rate, smoothing, one_minus_smoothing, momentum, epsilon, weight_decay, gradient_scale;

  explicit RmsPropCoefficients(const RmsPropProblem& problem)
      : learning_rate(static_cast<T>(problem.learning_rate)),
        smoothing(static_cast<T>(problem.smoothing)),
        one_minus_smoothing(static_cast<T>(1 - problem.smoothing)),
        momentum(static_cast<T>(problem.momentum)),
        epsilon(static_cast<T>(problem.epsilon)),
        weight_decay(static_cast<T>(problem.weight_decay)),
        gradient_scale(static_cast<T>(problem.gradient_scale)) {}
};

/// Plain gradient descent: the new parameter.
template <class T>
ORBITGRAD_HOST_DEVICE inline T sgd_update(const SgdCoefficients<T>& c, T parameter, T gradient) {
  const T g = gradient * c.gradient_scale + c.weight_decay * parameter;
  return parameter - c.learning_rate * g;
}

/// With momentum: updates the velocity, returns the new parameter.
template <class T>
ORBITGRAD_HOST_DEVICE inline T sgd_momentum_update(const SgdCoefficients<T>& c, T parameter, T gradient, T* velocity) {
  const T g = gradient * c.gradient_scale + c.weight_decay * parameter;
  const T v = c.momentum * *velocity + g;
  *velocity = v;
  return parameter - c.learning_rate * (c.nesterov ? g + c.momentum * v : v);
}

/// Adam and AdamW: updates both moments, returns the new parameter.
template <class T>
ORBITGRAD_HOST_DEVICE inline T adam_update(const AdamCoefficients<T>& c, T parameter, T gradient, T* first, T* second) {
  const T p = parameter * c.shrink;
  const T g = gradient * c.gradient_scale + c.weight_decay * p;
  const T m = c.beta1 * *first + c.one_minus_beta1 * g;
  const T v = c.beta2 * *second + c.one_minus_beta2 * (g * g);
  *first = m;
  *second = v;
  return p - c.step_size * (m / (std::sqrt(v) / c.root_correction + c.epsilon));
}

/// RMSprop: updates the mean square, and velocity and mean where they are not null; returns the new parameter.
template <class T>
ORBITGRAD_HOST_DEVICE inline T rmsprop_update(const RmsPropCoefficients<T>& c, T parameter, T gradient, T* square,
                                              T* velocity, T* mean) {
  const T g = gradient * c.gradient_scale + c.weight_decay * parameter;
  const T v = c.smoothing * *square + c.one_minus_smoothing * (g * g);
  *square = v;
  T spread = v;
  if (mean != nullptr) {
    const T m = c.smoothing * *mean + c.one_minus_smoothing * g;
    *mean = m;
    spread = v - m * m;
    if (spread < T(0)) spread = T(0);  // by rounding only
  }
  const T u = g / (std::sqrt(spread) + c.epsilon);
  if (velocity == nullptr) return parameter - c.learning_rate * u;
  const T b = c.momentum * *velocity + u;
  *velocity = b;
  return parameter - c.learning_rate * b;
}

/// One of many parameters; all arrays: [count]. velocity may be null if momentum is 0.
template <class T>
struct SgdParameter {
  T* parameter;
  const T* gradient;
  T* velocity;
  std::int64_t count;
};

template <class T>
struct AdamParameter {
  T* parameter;
  const T* gradient;
  T* first;
  T* second;
  std::int64_t count;
};

/// velocity is null without momentum, mean unless centred.
template <class T>
struct RmsPropParameter {
  T* parameter;
  const T* gradient;
  T* square;
  T* velocity;
  T* mean;
  std::int64_t count;
};

/// The step on every parameter of a model; on a GPU a launch serves a few dozen of them.
template <class T>
struct SgdMany {
  using Problem = SgdProblem;
  using Launch = void(const Problem&, std::span<const SgdParameter<T>> parameters);
  static constexpr std::string_view name = "optimizer.sgd_many";
};

template <class T>
struct AdamMany {
  using Problem = AdamProblem;
  using Launch = void(const Problem&, std::span<const AdamParameter<T>> parameters);
  static constexpr std::string_view name = "optimizer.adam_many";
};

template <class T>
struct RmsPropMany {
  using Problem = RmsPropProblem;
  using Launch = void(const Problem&, std::span<const RmsPropParameter<T>> parameters);
  static constexpr std::string_view name = "optimizer.rmsprop_many";
};

namespace cpu {

/// All arrays: [count]. velocity may be null if momentum is 0, and is then not touched.
template <class T>
void sgd_step(const SgdProblem& problem, T* parameter, const T* gradient, T* velocity);

template <class T>
void adam_step(const AdamProblem& problem, T* parameter, const T* gradient, T* first, T* second);

/// sgd_step on each parameter; problem.count is not used.
template <class T>
void sgd_many(const SgdProblem& problem, std::span<const SgdParameter<T>> parameters);

template <class T>
void adam_many(const AdamProblem& problem, std::span<const AdamParameter<T>> parameters);

template <class T>
void rmsprop_many(const RmsPropProblem& problem, std::span<const RmsPropParameter<T>> parameters);

}  // namespace cpu
}  // namespace orbitgrad::kernels
