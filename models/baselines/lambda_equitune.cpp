#include "models/baselines/lambda_equitune.hpp"

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "models/baselines/choice.hpp"
#include "nn/layers.hpp"

namespace orbitgrad::models {

namespace {

/// One score a sample, as [N].
Tensor scores_of(std::string_view op, const Tensor& scores, std::int64_t batch) {
  require(scores.numel() == batch && scores.size(0) == batch, op,
          "the scores of {} samples are {}. Give one number for each.", batch, scores.shape());
  return reshape(scores, {batch});
}

}  // namespace

LambdaEquitune::LambdaEquitune(std::shared_ptr<nn::Module> features, std::shared_ptr<nn::Module> head,
                               std::shared_ptr<nn::Module> lambda, LatticeSymmetry symmetry, Positive positive)
    : features_(std::move(features)),
      head_(std::move(head)),
      lambda_(std::move(lambda)),
      symmetry_(std::move(symmetry)),
      positive_(positive) {
  register_child("features", features_);
  register_child("head", head_);
  register_child("lambda", lambda_);
}

Tensor LambdaEquitune::forward(const Tensor& x, const nn::Pass& pass) {
  std::vector<Tensor> scores;
  const auto outputs = returned_outputs(
      [&](const Tensor& pose, int g) {
        const nn::Pass own = pass.child(static_cast<std::uint64_t>(g));
        const Tensor z = features_->forward(pose, own.child(0));
        scores.push_back(scores_of("LambdaEquitune", lambda_->forward(z, own.child(1)), x.size(0)));
        return head_->forward(z, own.child(2));
      },
      x, symmetry_);
  const Tensor s = stack(scores, 1);
  // A common factor of lambda cancels: exp / sum exp is softmax, and softplus is kept above 0.
  if (positive_ == Positive::exp) return weighted_sum(softmax(s, 1), outputs);
  const Tensor lambda = softplus(s) + 1e-12;
  return weighted_sum(lambda / sum(lambda, {1}, true), outputs);
}

std::shared_ptr<nn::Sequential> lambda_network(std::int64_t in, RandomKey key, DType dtype) {
  constexpr std::int64_t width = 100;
  constexpr double dropout = 0.5;
  const nn::LayerOptions layer{.dtype = dtype};
  auto network = std::make_shared<nn::Sequential>();
  network->add<nn::Flatten>("flatten");
  network->add<nn::Linear>("dense1", in, width, key.split(0), layer);
  network->add<nn::Relu>("relu1");
  network->add<nn::Dropout>("dropout1", dropout);
  network->add<nn::Linear>("dense2", width, width, key.split(1), layer);
  network->add<nn::Dropout>("dropout2", dropout);
  network->add<nn::Linear>("top", width, 1, key.split(2), layer);
  return network;
}

Tensor largest_logit(const Tensor& logits) {
  require(logits.rank() == 2, "largest_logit", "takes logits [N, classes], got {}.", logits.shape());
  return max(logits, {1});
}

Tensor negative_entropy(const Tensor& logits) {
  require(logits.rank() == 2, "negative_entropy", "takes logits [N, classes], got {}.", logits.shape());
  const Tensor log_p = log_softmax(logits, 1);
  return sum(exp(log_p) * log_p, {1});
}

Equizero::Equizero(std::shared_ptr<nn::Module> network, LatticeSymmetry symmetry, TensorMap score)
    : network_(std::move(network)), symmetry_(std::move(symmetry)), score_(std::move(score)) {
  require(score_ != nullptr, "Equizero", "the score is empty. Give a function of outputs.");
  register_child("network", network_);
}

Tensor Equizero::forward(const Tensor& x, const nn::Pass& pass) {
  std::vector<Tensor> scores;
  const auto outputs = returned_outputs(
      [&](const Tensor& pose, int g) {
        const Tensor y = network_->forward(pose, pass.child(static_cast<std::uint64_t>(g)));
        scores.push_back(scores_of("Equizero", score_(y), x.size(0)));
        return y;
      },
      x, symmetry_);
  return weighted_sum(straight_through(stack(scores, 1)), outputs);
}

}  // namespace orbitgrad::models
