// lambda-equitune between its two ends: equi-tuning (lambda constant) and equizero (all mass on the best element).
#include "models/baselines/lambda_equitune.hpp"

#include <cmath>

#include "engine/autograd/grad.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "models/baselines/group_average.hpp"
#include "tests/models/baselines_support.hpp"

namespace orbitgrad::models {
namespace {

using namespace testing_support;

/// One score a sample: scale times the sum of its values.
class SumScore final : public nn::Module {
 public:
  explicit SumScore(double scale) : scale_(scale) {}
  Tensor forward(const Tensor& x, const nn::Pass&) override { return sum(flatten(x, 1), {1}, true) * scale_; }

 private:
  double scale_;
};

struct Parts {
  std::shared_ptr<nn::Module> features = models::mlp(36, {12}, 8, baseline_key, DType::float64);
  std::shared_ptr<nn::Module> head = models::mlp(8, {}, 4, baseline_key.split(1), DType::float64);
  std::shared_ptr<nn::Module> lambda = lambda_network(8, baseline_key.split(2), DType::float64);
};

class LambdaEquituneOf : public EveryLatticeGroup {};
INSTANTIATE_TEST_SUITE_P(Baselines, LambdaEquituneOf, every_lattice_group, group_name);

TEST_P(LambdaEquituneOf, IsInvariantAndEquivariant) {
  const Parts parts;
  const Tensor x = images(4, 6);
  for (const Positive positive : {Positive::softplus, Positive::exp}) {
    LambdaEquitune logits(parts.features, parts.head, parts.lambda, invariant_, positive);
    EXPECT_LT(error([&](const Tensor& z) { return logits(z); }, x, Representation::invariant), 1e-13);
    LambdaEquitune maps(plain_convolution(2), std::make_shared<nn::Relu>(),
                        lambda_network(72, baseline_key, DType::float64), planar_, positive);
    EXPECT_LT(error([&](const Tensor& z) { return maps(z); }, x, Representation::planar), 1e-13);
  }
}

TEST_P(LambdaEquituneOf, WithConstantLambdaIsEquituning) {
  const Parts parts;
  const Tensor x = images(4, 6);
  const TensorMap f = [&](const Tensor& z) { return (*parts.head)((*parts.features)(z)); };
  for (const Positive positive : {Positive::softplus, Positive::exp}) {
    LambdaEquitune model(parts.features, parts.head, std::make_shared<SumScore>(0), invariant_, positive);
    expect_near(model(x), group_average(f, x, invariant_), 1e-13);
  }
}

TEST_P(LambdaEquituneOf, IsTheWeightedMeanOfTheFormula) {
  const Parts parts;
  const Tensor x = images(4, 6);
  LambdaEquitune model(parts.features, parts.head, parts.lambda, invariant_);
  Tensor above = zeros({4, 4}, DType::float64), below = zeros({4, 1}, DType::float64);
  for (const Tensor& pose : poses(x, Representation::planar, group_)) {
    const Tensor z = (*parts.features)(pose), lambda = softplus((*parts.lambda)(z));
    above = above + lambda * (*parts.head)(z), below = below + lambda;
  }
  expect_near(model(x), above / below, 1e-11);
}

TEST_P(LambdaEquituneOf, WithSteepLambdaTendsToTheBestElement) {
  const auto network = plain_network(36, 4);
  const Tensor x = images(4, 6);
  // exp of a large multiple of the sum of the logits puts all mass on its largest value.
  LambdaEquitune steep(network, std::make_shared<nn::Flatten>(), std::make_shared<SumScore>(1e6), invariant_,
                       Positive::exp);
  Equizero best(network, invariant_, [](const Tensor& logits) { return sum(logits, {1}); });
  expect_near(steep(x), best(x), 1e-12);
}

TEST_P(LambdaEquituneOf, TrainsEveryPart) {
  const Parts parts;
  LambdaEquitune model(parts.features, parts.head, parts.lambda, invariant_);
  const Tensor y = model(images(8, 6), {.training = true, .key = baseline_key});
  sum(y * y).backward();
  for (const auto& [name, value] : model.named_parameters()) {
    const double slope = max(absolute(value.grad())).item();
    EXPECT_TRUE(std::isfinite(slope)) << name;
    if (!name.starts_with("lambda") || group_.order() > 1) {
      EXPECT_GT(slope, 0) << name;
    }
  }
}

class EquizeroOf : public EveryLatticeGroup {};
INSTANTIATE_TEST_SUITE_P(Baselines, EquizeroOf, every_lattice_group, group_name);

TEST_P(EquizeroOf, TakesTheBestElementAndIsInvariantInEveryBit) {
  const auto network = plain_network(36, 4);
  const Tensor x = images(7, 6);
  for (const TensorMap& score : {TensorMap(largest_logit), TensorMap(negative_entropy)}) {
    Equizero model(network, invariant_, score);
    const Tensor y = model(x);
    std::vector<Tensor> scores;
    for (const Tensor& pose : poses(x, Representation::planar, group_)) scores.push_back(score((*network)(pose)));
    EXPECT_TRUE(same_bits(score(y), max(stack(scores, 0), {0})));
    EXPECT_TRUE(is_exact([&](const Tensor& z) { return model(z); }, x, Representation::invariant));
  }
}

TEST_P(EquizeroOf, TurnsMapsBack) {
  Equizero model(plain_convolution(2), planar_, [](const Tensor& y) { return sum(flatten(relu(y), 1), {1}); });
  const Tensor x = images(5, 6);
  EXPECT_LT(error([&](const Tensor& z) { return model(z); }, x, Representation::planar), 1e-13);
}

TEST_P(EquizeroOf, HasStraightThroughGradients) {
  const auto network = plain_network(36, 4);
  Equizero model(network, invariant_);
  sum(model(images(5, 6))).backward();
  for (const auto& [name, value] : model.named_parameters()) EXPECT_GT(max(absolute(value.grad())).item(), 0) << name;
}

TEST(LambdaEquitune, NetworkIsThePublishedOne) {
  EXPECT_EQ(lambda_network(64, baseline_key)->parameter_count(), 64 * 100 + 100 + 100 * 100 + 100 + 100 + 1);
}

TEST(LambdaEquitune, EntropyIsThatOfTheSoftmax) {
  const Tensor logits = normal({3, 5}, baseline_key, 0, 1, DType::float64), p = softmax(logits, 1);
  expect_near(negative_entropy(logits), sum(p * log(p), {1}), 1e-14);
}

TEST(LambdaEquitune, RefusesScoresThatAreNotOneASample) {
  const Parts parts;
  const LatticeSymmetry p4{groups::lattice_group("p4")};
  LambdaEquitune wide(parts.features, parts.head, plain_network(8, 2), p4);
  expect_error([&] { wide(images(3, 6)); }, {"[LambdaEquitune]", "3 samples", "[3, 2]"});
  Equizero broken(plain_network(36, 4), p4, [](const Tensor& y) { return sum(y); });
  expect_error([&] { broken(images(3, 6)); }, {"[Equizero]", "3 samples"});
  expect_error([&] { Equizero(plain_network(36, 4), p4, TensorMap()); }, {"[Equizero]", "empty"});
  expect_error([] { largest_logit(zeros({3})); }, {"[largest_logit]", "[3]"});
}

}  // namespace
}  // namespace orbitgrad::models
