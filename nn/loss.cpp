#include "nn/loss.hpp"

#include <algorithm>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"

namespace orbitgrad::nn {

namespace {

void check_labels(std::string_view op, const Tensor& logits, const Tensor& labels) {
  require(logits.rank() == 2 && labels.rank() == 1 && labels.size(0) == logits.size(0), op,
          "takes logits [N, classes] and labels [N], got {} and {}. Reshape them.", logits.shape().to_string(),
          labels.shape().to_string());
  require(labels.dtype() == DType::int64, op, "labels must be int64, got {}. Convert them: labels.to(DType::int64).",
          name(labels.dtype()));
  for (const std::int64_t label : labels.to_vector<std::int64_t>())
    require(label >= 0 && label < logits.size(1), op, "the label {} is not in [0, {}). Correct the data or the model.",
            label, logits.size(1));
}

Tensor reduced(const Tensor& loss, Reduction reduction) {
  if (reduction == Reduction::none) return loss;
  return reduction == Reduction::mean ? mean(loss) : sum(loss);
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, Reduction reduction) {
  check_labels("cross_entropy", logits, labels);
  const Tensor picked = squeeze(gather(log_softmax(logits, 1), 1, unsqueeze(labels, 1)), 1);
  return reduced(-picked, reduction);
}

Tensor mse(const Tensor& prediction, const Tensor& target, Reduction reduction) {
  require(prediction.shape() == target.shape(), "mse", "the prediction is {}, the target {}. They must agree.",
          prediction.shape().to_string(), target.shape().to_string());
  const Tensor difference = prediction - target;
  return reduced(difference * difference, reduction);
}

std::int64_t count_correct(const Tensor& logits, const Tensor& labels) {
  check_labels("count_correct", logits, labels);
  if (labels.numel() == 0) return 0;
  return sum(equal(argmax(logits, 1), labels)).item<std::int64_t>();
}

double accuracy(const Tensor& logits, const Tensor& labels) {
  require(labels.numel() > 0, "accuracy", "there are no samples: labels are {}. Give one or more.",
          labels.shape().to_string());
  return static_cast<double>(count_correct(logits, labels)) / static_cast<double>(labels.numel());
}

}  // namespace orbitgrad::nn
