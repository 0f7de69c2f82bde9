// A whole training step (forward, backward, optimizer) recorded once and run again as one unit: on cuda one CUDA graph,
// on sim the list of its launches, on the cpu simply the function each time. docs/captured_step.md tells what a step
// may do.
#pragma once

#include <functional>
#include <memory>
#include <source_location>
#include <vector>

#include "engine/random.hpp"
#include "engine/tensor.hpp"

namespace orbitgrad {

/// A number that the host gives to a step, a learning rate for example: fixed, or given anew to each run.
class StepNumber {
 public:
  StepNumber(double value) : now_([value] { return value; }) {}
  explicit StepNumber(std::function<double()> now) : now_(std::move(now)), differs_(true) {}

  /// In this run. Error: while a step is captured, a number that its runs are given anew: they would all see this one.
  double now(std::source_location where = std::source_location::current()) const;
  /// The same for code that asks again in each run (kernels::DeviceGraph::changing).
  double in_this_run() const { return now_(); }
  friend StepNumber operator*(double factor, const StepNumber& number) {
    StepNumber product([factor, now = number.now_] { return factor * now(); });
    product.differs_ = number.differs_;
    return product;
  }

 private:
  std::function<double()> now_;
  bool differs_ = false;  // from run to run
};

/// What differs from run to run. The tensors are on the step's device, in memory that every run fills anew.
struct StepInputs {
  std::vector<Tensor> tensors;
  RandomKey key;                    // random ops of the step take keys that are split from it
  std::vector<StepNumber> numbers;  // for Optimizer::step; what ops compute with is a tensor
};

class CapturedStep {
 public:
  /// Returns the results. Objects it changes (module, optimizer) live longer than the captured step; it changes
  /// tensors through engine/update.hpp only, as modules and optimizers do.
  using Function = std::function<std::vector<Tensor>(const StepInputs&)>;

  explicit CapturedStep(Function function, DeviceKind device = default_device(),
                        std::source_location where = std::source_location::current());
  ~CapturedStep();
  CapturedStep(const CapturedStep&) = delete;
  CapturedStep& operator=(const CapturedStep&) = delete;

  /// One step. The first call runs the function, so that all there is to prepare is prepared; the second records it,
  /// and this and every later call runs what was recorded. The tensors, of any device, are copied into fixed buffers.
  /// The results, without history, are valid until the next call: the next one writes the same memory.
  /// Errors: shapes or dtypes differ from the first call's; the function does what a replay would not do again (reads a
  /// value, copies from the host); a tensor that the step changes was replaced since, by moving its module for example.
  /// After an error the next call does again what failed: runs the function, or records it.
  std::vector<Tensor> operator()(const std::vector<Tensor>& tensors, RandomKey key = {},
                                 const std::vector<double>& numbers = {});
  /// The function itself, for inputs of another shape: a last smaller batch. Results are fresh tensors.
  std::vector<Tensor> run_eagerly(const std::vector<Tensor>& tensors, RandomKey key = {},
                                  const std::vector<double>& numbers = {}) const;

  /// Whether the tensors have the shapes and dtypes of the first call that succeeded, or there was none.
  bool fits(const std::vector<Tensor>& tensors) const;
  /// Whether the step has been recorded.
  bool is_captured() const;

 private:
  struct Recorded;
  void require_fit(const std::vector<Tensor>& tensors, std::size_t numbers) const;
  void fill_buffers(const std::vector<Tensor>& tensors);
  void record(RandomKey key);

  Function function_;
  DeviceKind device_;
  std::source_location where_;
  bool was_called_ = false;
  std::vector<Tensor> buffers_;
  std::shared_ptr<std::vector<double>> numbers_;
  std::unique_ptr<Recorded> recorded_;
};

/// Whether this thread records a step now.
bool is_capturing();
/// While this thread records a step: the error of `op` that `what` is done at `where`. `what` continues a sentence and
/// ends with the remedy.
void refuse_while_capturing(std::string_view op, std::string_view what, const std::source_location* where = nullptr);
/// While this thread records a step: the error of `op` unless the key is split from the step's.
void require_step_key(std::string_view op, RandomKey key);

}  // namespace orbitgrad
