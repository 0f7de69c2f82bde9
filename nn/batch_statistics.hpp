// Re-estimates the running statistics of every BatchNorm from given batches, as group networks do before evaluation:
// exact mean and unbiased variance over all batches together, by the law of total variance in double,
//   mean = sum n_b mean_b / n,   variance = (sum n_b (variance_b + mean_b^2) - n mean^2) / (n - 1).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "nn/module.hpp"

namespace orbitgrad::nn {

class BatchNorm;

/// Collects what the BatchNorm layers of a pass report.
class StatisticsRecorder {
 public:
  /// Batch mean and biased variance [C] of `count` values each.
  void add(BatchNorm& layer, const Tensor& mean, const Tensor& variance, std::int64_t count);
  /// Writes the totals into the layers.
  void apply() const;

 private:
  struct Totals {
    DType dtype = DType::float32;
    std::int64_t count = 0;
    std::vector<double> mean, squares;  // running mean, and sum of squared deviations from it
  };
  std::map<BatchNorm*, Totals> totals_;
};

/// Runs the module over batches 0 .. count-1 with each layer normalised by its batch and without dropout or graph, then
/// sets all running statistics. batch(i) gives the input of batch i. Depends on nothing but weights and batches.
void estimate_batch_statistics(Module& module, std::int64_t count,
                               const std::function<Tensor(std::int64_t index)>& batch);

}  // namespace orbitgrad::nn
