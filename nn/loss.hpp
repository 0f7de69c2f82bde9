// Losses and scores. With l a value per element or row, a loss is l itself, its sum or its mean (Reduction).
// Cross-entropy: -log softmax(logits)[label], by log_softmax, so that large logits do not overflow.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad::nn {

enum class Reduction { mean, sum, none };

/// logits [N, classes], labels [N] int64 in [0, classes) -> a scalar, or [N] without reduction.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, Reduction reduction = Reduction::mean);

/// Cross-entropy with the distribution (1 - smoothing) onehot(label) + smoothing / classes (Szegedy et al., 2016):
/// -(1 - smoothing) log p[label] - smoothing mean_c log p[c]. smoothing in [0, 1].
Tensor smoothed_cross_entropy(const Tensor& logits, const Tensor& labels, double smoothing,
                              Reduction reduction = Reduction::mean);

/// (prediction - target)^2 of equal shapes.
Tensor mse(const Tensor& prediction, const Tensor& target, Reduction reduction = Reduction::mean);

/// |prediction - target| of equal shapes; the derivative where they are equal is 0.
Tensor l1(const Tensor& prediction, const Tensor& target, Reduction reduction = Reduction::mean);

/// d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2), with d = prediction - target (Huber, 1964). delta > 0.
Tensor huber(const Tensor& prediction, const Tensor& target, double delta = 1, Reduction reduction = Reduction::mean);

/// -t log p - (1 - t) log(1 - p) of probabilities p and targets t in [0, 1], equal shapes; each logarithm is kept above
/// -100, so that p = 0 or 1 gives a finite loss.
Tensor binary_cross_entropy(const Tensor& probability, const Tensor& target, Reduction reduction = Reduction::mean);

/// The same of p = sigmoid(logits), as softplus(x) - t x, which neither overflows nor cancels.
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& target,
                                        Reduction reduction = Reduction::mean);

/// sum_c t_c (log t_c - log q_c) of distributions over the last axis: log q = log_prediction, t = target, 0 log 0 = 0.
/// Without reduction the last axis is gone; the mean is over rows.
Tensor kl_divergence(const Tensor& log_prediction, const Tensor& target, Reduction reduction = Reduction::mean);

/// How many rows of logits [N, classes] have their first maximum at the label: int64, rank 0, on their device.
Tensor correct(const Tensor& logits, const Tensor& labels);
/// The same as a number of the host, and the share of the rows.
std::int64_t count_correct(const Tensor& logits, const Tensor& labels);
double accuracy(const Tensor& logits, const Tensor& labels);

}  // namespace orbitgrad::nn
