#include "nn/loss.hpp"

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/checked_index.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"

namespace orbitgrad::nn {

namespace {

/// The labels, each found to be a class.
Tensor checked_labels(std::string_view op, const Tensor& logits, const Tensor& labels) {
  require(logits.rank() == 2 && labels.rank() == 1 && labels.size(0) == logits.size(0), op,
          "takes logits [N, classes] and labels [N], got {} and {}. Reshape them.", logits.shape().to_string(),
          labels.shape().to_string());
  require(labels.dtype() == DType::int64, op, "labels must be int64, got {}. Convert them: labels.to(DType::int64).",
          name(labels.dtype()));
  return checked_classes(op, labels, logits.size(1));
}

Tensor reduced(const Tensor& loss, Reduction reduction) {
  if (reduction == Reduction::none) return loss;
  return reduction == Reduction::mean ? mean(loss) : sum(loss);
}

Tensor picked(const Tensor& rows, const Tensor& labels) { return squeeze(gather(rows, 1, unsqueeze(labels, 1)), 1); }

void check_pair(std::string_view op, const Tensor& prediction, const Tensor& target) {
  require(prediction.shape() == target.shape(), op, "the prediction is {}, the target {}. They must agree.",
          prediction.shape().to_string(), target.shape().to_string());
}

Tensor clamp(const Tensor& x, double low, double high) {
  return minimum(maximum(x, scalar_like(x, low)), scalar_like(x, high));
}

/// a log b, 0 where a is 0, with the logarithm kept above -100.
Tensor times_log(const Tensor& a, const Tensor& b) {
  // A zero goes around the logarithm, whose derivative there would be infinite, and 0 times that NaN.
  const Tensor zero = zeros_like(b), is_zero = equal(b, zero);
  const Tensor logarithm = log(where(is_zero, ones_like(b), b));
  return a * where(is_zero, full({}, -100, b.dtype(), b.device()), maximum(logarithm, scalar_like(b, -100)));
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& labels, Reduction reduction) {
  const Tensor classes = checked_labels("cross_entropy", logits, labels);
  return reduced(-picked(log_softmax(logits, 1), classes), reduction);
}

Tensor smoothed_cross_entropy(const Tensor& logits, const Tensor& labels, double smoothing, Reduction reduction) {
  const Tensor classes = checked_labels("smoothed_cross_entropy", logits, labels);
  require(smoothing >= 0 && smoothing <= 1, "smoothed_cross_entropy", "the smoothing is {}. Take one in [0, 1].",
          smoothing);
  const Tensor rows = log_softmax(logits, 1);
  return reduced(-(picked(rows, classes) * (1 - smoothing) + mean(rows, {1}) * smoothing), reduction);
}

Tensor mse(const Tensor& prediction, const Tensor& target, Reduction reduction) {
  check_pair("mse", prediction, target);
  const Tensor difference = prediction - target;
  return reduced(difference * difference, reduction);
}

Tensor l1(const Tensor& prediction, const Tensor& target, Reduction reduction) {
  check_pair("l1", prediction, target);
  return reduced(absolute(prediction - target), reduction);
}

Tensor huber(const Tensor& prediction, const Tensor& target, double delta, Reduction reduction) {
  check_pair("huber", prediction, target);
  require(delta > 0, "huber", "delta is {}. Take a positive number.", delta);
  const Tensor d = prediction - target;
  const Tensor inside = clamp(d, -delta, delta);  // d^2 / 2 - (d - c)^2 / 2 = c (d - c / 2)
  return reduced(inside * (d - inside * 0.5), reduction);
}

Tensor binary_cross_entropy(const Tensor& probability, const Tensor& target, Reduction reduction) {
  check_pair("binary_cross_entropy", probability, target);
  return reduced(-(times_log(target, probability) + times_log(1.0 - target, 1.0 - probability)), reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target, Reduction reduction) {
  check_pair("binary_cross_entropy_with_logits", logits, target);
  return reduced(softplus(logits) - target * logits, reduction);
}

Tensor kl_divergence(const Tensor& log_prediction, const Tensor& target, Reduction reduction) {
  check_pair("kl_divergence", log_prediction, target);
  require(target.rank() >= 1, "kl_divergence", "the distributions need an axis to be over. Give [N, classes].");
  return reduced(sum(times_log(target, target) - target * log_prediction, {-1}), reduction);
}

Tensor correct(const Tensor& logits, const Tensor& labels) {
  const Tensor classes = checked_labels("correct", logits, labels);
  if (labels.numel() == 0) return zeros({}, DType::int64, labels.device());
  return sum(equal(argmax(logits, 1), classes));
}

std::int64_t count_correct(const Tensor& logits, const Tensor& labels) {
  return correct(logits, labels).item<std::int64_t>();
}

double accuracy(const Tensor& logits, const Tensor& labels) {
  require(labels.numel() > 0, "accuracy", "there are no samples: labels are {}. Give one or more.",
          labels.shape().to_string());
  return static_cast<double>(count_correct(logits, labels)) / static_cast<double>(labels.numel());
}

}  // namespace orbitgrad::nn
