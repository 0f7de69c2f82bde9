// Dynamic loss scaling for products in float16, whose smallest number is 2^-24: the loss is multiplied by a power of
// two, so that small gradients do not vanish on the way, and the step divides by it. A scale that was too large makes a
// gradient overflow: that step is skipped and the scale halved; after many good steps it is doubled.
// Micikevicius et al., "Mixed precision training" (ICLR 2018).
#pragma once

#include "nn/optimizer.hpp"

namespace orbitgrad::nn {

struct LossScalerOptions {
  double initial_scale = 65536;         // powers of two, so that scaling is exact
  std::int64_t steps_to_double = 2000;  // good steps in a row
  double largest_scale = 16777216;
};

/// scaler.scale(loss).backward(); scaler.step(optimizer, rate);
class LossScaler {
 public:
  /// Error: a scale that is no power of two, or below 1; no steps.
  explicit LossScaler(const LossScalerOptions& options = {});

  /// The scale of the next step.
  double current() const { return scale_; }
  /// loss times the scale.
  Tensor scale(const Tensor& loss) const;
  /// One step of the optimizer with the gradients divided by the scale, times gradient_scale; or none, if a gradient is
  /// not finite. Then adapts the scale. Returns whether the step was made. Error: a gradient is not finite although the
  /// scale is 1, so that scaling is not the reason.
  bool step(Optimizer& optimizer, double learning_rate, double gradient_scale = 1);

  /// "scale" (float64) and "good_steps" (int64), of rank 0.
  State state() const;
  void load_state(const State& state);

 private:
  LossScalerOptions options_;
  double scale_;
  std::int64_t good_steps_ = 0;
};

}  // namespace orbitgrad::nn
