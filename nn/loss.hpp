// Losses and scores. Cross-entropy: -log softmax(logits)[label], by log_softmax, so that large logits do not overflow.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad::nn {

enum class Reduction { mean, sum, none };

/// logits [N, classes], labels [N] int64 in [0, classes) -> a scalar, or [N] without reduction.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, Reduction reduction = Reduction::mean);

/// (prediction - target)^2 of equal shapes.
Tensor mse(const Tensor& prediction, const Tensor& target, Reduction reduction = Reduction::mean);

/// How many rows of logits [N, classes] have their first maximum at the label, and the share of them.
std::int64_t count_correct(const Tensor& logits, const Tensor& labels);
double accuracy(const Tensor& logits, const Tensor& labels);

}  // namespace orbitgrad::nn
