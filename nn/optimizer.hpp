// Optimizers: SGD (momentum, Nesterov), Adam (Kingma and Ba, 2015), AdamW (Loshchilov and Hutter, 2019) and RMSprop
// (Tieleman and Hinton, 2012; centred: Graves, 2013), each one fused pass over all parameters, on a GPU in one launch;
// formulas in kernels/optimizer/optimizer.hpp. The learning rate is an argument of the step, since a schedule is a
// function of the step count.
#pragma once

#include <vector>

#include "engine/captured_step.hpp"
#include "nn/module.hpp"

namespace orbitgrad::nn {

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// One step with the gradient that backward() left at each parameter, times gradient_scale. A parameter without one
  /// is an error that names it. The gradients stay. In a step that is captured the numbers may be inputs of the step,
  /// and each run of it counts as one step here.
  void step(const StepNumber& learning_rate, const StepNumber& gradient_scale = 1);
  /// One step with these gradients, in the order of the parameters.
  void step(const std::vector<Tensor>& gradients, const StepNumber& learning_rate,
            const StepNumber& gradient_scale = 1);
  void clear_gradients();
  /// Whether every element of every gradient is finite: one reading of each, and one number back from each device. A
  /// gradient whose sum is beyond its type counts as not finite.
  bool gradients_are_finite() const;
  /// Euclidean norm of all gradients, summed in double in a fixed order. To clip: step(rate, clip_scale(limit)).
  double gradient_norm() const;
  /// min(1, limit / norm)
  double clip_scale(double limit) const;
  /// Multiplies every gradient by min(1, limit / norm) without bringing the norm to the host, so that a step that is
  /// captured can do it; squares are summed in double. A NaN in one gradient makes all of them NaN.
  void clip_gradient_norm(double limit);
  /// Replaces every gradient by min(max(gradient, -limit), limit), element by element. A NaN stays.
  void clip_gradients(double limit);

  /// Steps made.
  std::int64_t steps() const { return steps_; }

  /// "step" (int64, rank 0) and what each parameter has collected, as PARAMETER.velocity, PARAMETER.first_moment and so
  /// on: handles, so save them before the next step.
  State state() const;
  /// Copies the values; names, shapes and dtypes must be those of state(), else an error lists every difference.
  void load_state(const State& state);

 protected:
  /// Error of `op` unless `value`, a share such as a momentum, is in [0, 1).
  static void require_share(std::string_view op, std::string_view name, double value);
  /// Error of `op` unless `value` is finite and not negative.
  static void require_amount(std::string_view op, std::string_view name, double value);

  /// One slot of zeros like the parameter per name. A slot follows its parameter to another device.
  Optimizer(std::vector<NamedTensor> parameters, const std::vector<std::string>& slot_names);

  /// One parameter to update, its contiguous gradient and its slots, all of one shape.
  struct Update {
    Tensor& parameter;
    Tensor gradient;
    std::vector<Tensor>& slots;
  };
  /// Updates parameters of one device and dtype; steps() is the number of this step, from 1.
  virtual void update(const std::vector<Update>& updates, const StepNumber& learning_rate,
                      const StepNumber& gradient_scale) = 0;

 private:
  struct Entry {
    NamedTensor parameter;
    std::vector<Tensor> slots;
  };
  std::vector<Entry> entries_;
  std::vector<std::string> slot_names_;
  std::int64_t steps_ = 0;
};

struct SgdOptions {
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;
};

class Sgd final : public Optimizer {
 public:
  explicit Sgd(std::vector<NamedTensor> parameters, const SgdOptions& options = {});

 private:
  void update(const std::vector<Update>& updates, const StepNumber& learning_rate,
              const StepNumber& gradient_scale) override;
  SgdOptions options_;
};

struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  /// AdamW: decay the parameter itself instead of adding to the gradient.
  bool decoupled = false;
};

class Adam : public Optimizer {
 public:
  explicit Adam(std::vector<NamedTensor> parameters, const AdamOptions& options = {});

 private:
  void update(const std::vector<Update>& updates, const StepNumber& learning_rate,
              const StepNumber& gradient_scale) override;
  AdamOptions options_;
};

class AdamW final : public Adam {
 public:
  /// options.decoupled is always on.
  explicit AdamW(std::vector<NamedTensor> parameters, AdamOptions options = {.weight_decay = 1e-2});
};

struct RmsPropOptions {
  double smoothing = 0.99;  ///< of the mean square of the gradient
  double momentum = 0;
  double epsilon = 1e-8;
  double weight_decay = 0;
  /// Divides by the deviation of the gradient instead of its root mean square.
  bool centred = false;
};

class RmsProp final : public Optimizer {
 public:
  explicit RmsProp(std::vector<NamedTensor> parameters, const RmsPropOptions& options = {});

 private:
  void update(const std::vector<Update>& updates, const StepNumber& learning_rate,
              const StepNumber& gradient_scale) override;
  RmsPropOptions options_;
};

}  // namespace orbitgrad::nn
