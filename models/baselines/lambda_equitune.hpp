// lambda-equitune: M^lambda(x) = sum_g lambda(g x) g^-1 M(g x) / sum_g lambda(g x), lambda > 0 a small network on the
// features of M; lambda constant is equi-tuning (group_average.hpp). equizero: all mass on the g of the best score.
// Source: Basu, Sattigeri, Ramamurthy, Chenthamarakshan, Varshney, Das (NeurIPS 2023, arXiv 2305.09900).
#pragma once

#include "models/baselines/lattice_symmetry.hpp"

namespace orbitgrad::models {

/// How a score becomes a positive lambda.
enum class Positive { softplus, exp };

/// Children "features", x -> z; "head", z -> M(x); "lambda", z -> one score a sample, [N] or [N, 1].
class LambdaEquitune final : public nn::Module {
 public:
  LambdaEquitune(std::shared_ptr<nn::Module> features, std::shared_ptr<nn::Module> head,
                 std::shared_ptr<nn::Module> lambda, LatticeSymmetry symmetry, Positive positive = Positive::softplus);
  Tensor forward(const Tensor& x, const nn::Pass& pass) override;

 private:
  std::shared_ptr<nn::Module> features_, head_, lambda_;
  LatticeSymmetry symmetry_;
  Positive positive_;
};

/// [N, ...] with `in` values a sample -> 100 (ReLU, dropout 0.5) -> 100 (dropout 0.5) -> 1.
std::shared_ptr<nn::Sequential> lambda_network(std::int64_t in, RandomKey key, DType dtype = DType::float32);

/// Scores of logits [N, classes] -> [N]: the largest logit, and minus the entropy of softmax(logits).
Tensor largest_logit(const Tensor& logits);
Tensor negative_entropy(const Tensor& logits);

/// g*^-1 M(g* x) with g* = argmax_g score(M(g x)), the lowest index of equals; gradients by straight-through. Child
/// "network", M; score: M(x) -> [N].
class Equizero final : public nn::Module {
 public:
  Equizero(std::shared_ptr<nn::Module> network, LatticeSymmetry symmetry, TensorMap score = largest_logit);
  Tensor forward(const Tensor& x, const nn::Pass& pass) override;

 private:
  std::shared_ptr<nn::Module> network_;
  LatticeSymmetry symmetry_;
  TensorMap score_;
};

}  // namespace orbitgrad::models
