#include "models/baselines/choice.hpp"

#include "engine/autograd/node.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/reduction.hpp"

namespace orbitgrad::models {

namespace {

void check_scores(std::string_view op, const Tensor& scores) {
  require(scores.rank() == 2 && is_floating(scores.dtype()) && scores.size(1) > 0, op,
          "the scores must be floating [N, |G|], one for each element, got {} {}. Reshape them.", name(scores.dtype()),
          scores.shape());
}

}  // namespace

Tensor straight_through(const Tensor& scores, double beta) {
  check_scores("straight_through", scores);
  require(beta > 0, "straight_through", "beta is {}. Take a positive number.", beta);
  const Tensor hard = one_hot(argmax(scores.detach(), 1), scores.size(1), scores.dtype());
  if (!scores.requires_grad() || !GradMode::is_recording()) return hard;
  const Tensor soft = softmax(scores * beta, 1);
  return hard + (soft - soft.detach());  // the bracket is exactly 0
}

Tensor add_gumbel_noise(const Tensor& scores, RandomKey key) {
  check_scores("add_gumbel_noise", scores);
  // Odd multiples of 2^-24, never 0 or 1; logarithms in double.
  const double step = 0x1p-24;
  const Tensor k = random_integers(scores.shape(), key, std::int64_t{1} << 23, scores.device()).to(DType::float64);
  const Tensor u = (k * 2.0 + 1.0) * step;
  return scores - log(-log(u)).to(scores.dtype());
}

double tie_frequency(const Tensor& scores) {
  check_scores("tie_frequency", scores);
  if (scores.size(0) == 0) return 0;
  const Tensor a = scores.detach();
  const Tensor largest = sum(equal(a, max(a, {1}, true)), {1});
  const auto counts = largest.to_vector<std::int64_t>();
  std::int64_t tied = 0;
  for (const std::int64_t count : counts) tied += count > 1 ? 1 : 0;
  return static_cast<double>(tied) / static_cast<double>(counts.size());
}

}  // namespace orbitgrad::models
