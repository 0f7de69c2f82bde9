// Canonicalization in every variant: equivariant choices, invariance in every bit, ties, gradients and the extra terms.
#include "models/baselines/canonicalization.hpp"

#include <cmath>

#include "engine/autograd/grad.hpp"
#include "engine/autograd/gradcheck.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "models/baselines/canonicalizers.hpp"
#include "models/baselines/choice.hpp"
#include "nn/loss.hpp"
#include "tests/models/baselines_support.hpp"

namespace orbitgrad::models {
namespace {

using namespace testing_support;
using CanonicalizerPointer = std::shared_ptr<nn::Module>;

std::vector<std::pair<std::string, CanonicalizerPointer>> canonicalizers(const groups::LatticeGroup& group,
                                                                         std::int64_t size) {
  return {{"direct",
           std::make_shared<DirectCanonicalizer>(
               group, 1, baseline_key, DirectCanonicalizerOptions{.fields = 3, .kernel = 3, .dtype = DType::float64})},
          {"energy", std::make_shared<EnergyCanonicalizer>(group, plain_network(size * size, 1, 70))},
          {"contrastive", std::make_shared<ContrastiveCanonicalizer>(group, plain_network(size * size, 6, 71), 6,
                                                                     baseline_key, false, DType::float64)}};
}

class CanonicalizationOf : public EveryLatticeGroup {};
INSTANTIATE_TEST_SUITE_P(Baselines, CanonicalizationOf, every_lattice_group, group_name);

TEST_P(CanonicalizationOf, ActivationsMoveWithTheGroupInEveryBit) {
  for (const std::int64_t size : {6, 7})
    for (const auto& [name, canonicalizer] : canonicalizers(group_, size)) {
      const Tensor x = images(4, size), a = (*canonicalizer)(x);
      for (int g = 0; g < group_.order(); ++g) {
        std::vector<std::int64_t> source;
        for (int h = 0; h < group_.order(); ++h) source.push_back(group_.group.product(group_.group.inverse(g), h));
        const Tensor moved = (*canonicalizer)(nn::transform(x, Representation::planar, group_, g));
        EXPECT_TRUE(same_bits(moved, index_select(a, 1, from_vector(source)))) << name << " " << g;
      }
    }
}

TEST_P(CanonicalizationOf, NetworkIsInvariantInEveryBit) {
  for (const std::int64_t size : {4, 5})
    for (const auto& [name, canonicalizer] : canonicalizers(group_, size)) {
      const Tensor x = images(6, size);
      ASSERT_EQ(tie_frequency((*canonicalizer)(x)), 0) << name;
      Canonicalized logits(plain_network(size * size, 4), canonicalizer, invariant_);
      EXPECT_TRUE(is_exact([&](const Tensor& z) { return logits(z); }, x, Representation::invariant)) << name;
      Canonicalized maps(plain_convolution(2), canonicalizer, planar_);
      EXPECT_TRUE(is_exact([&](const Tensor& z) { return maps(z); }, x, Representation::planar)) << name;
      const LatticeSymmetry regular{group_, Representation::planar, Representation::regular_vector};
      Canonicalized vectors(plain_network(size * size, group_.order()), canonicalizer, regular);
      EXPECT_TRUE(is_exact([&](const Tensor& z) { return vectors(z); }, x, Representation::regular_vector)) << name;
    }
}

TEST_P(CanonicalizationOf, EachSampleIsTurnedByItsOwnElement) {
  for (const auto& [name, canonicalizer] : canonicalizers(group_, 6)) {
    Canonicalized model(plain_network(36, 4), canonicalizer, invariant_);
    const Tensor x = images(9, 6), g = random_elements(9, group_, baseline_key);
    EXPECT_TRUE(same_bits(model(act_each(x, Representation::planar, group_, g)), model(x))) << name;
  }
}

TEST_P(CanonicalizationOf, NetworkIsInvariantInEveryBitOfFloat32) {
  const Tensor x = images(8, 11).to(DType::float32);
  Canonicalized model(models::mlp(121, {16}, 10, baseline_key),
                      std::make_shared<DirectCanonicalizer>(group_, 1, baseline_key,
                                                            DirectCanonicalizerOptions{.layers = 2, .fields = 4}),
                      invariant_);
  EXPECT_TRUE(is_exact([&](const Tensor& z) { return model(z); }, x, Representation::invariant));
}

TEST_P(CanonicalizationOf, MinimisesTheEnergy) {
  const auto energy = plain_network(36, 1, 70);
  const Tensor x = images(8, 6);
  Canonicalized model(std::make_shared<nn::Flatten>(), std::make_shared<EnergyCanonicalizer>(group_, energy),
                      invariant_);
  const Tensor least = squeeze((*energy)(model(x)), 1);
  Tensor expected = squeeze((*energy)(x), 1);
  for (const Tensor& pose : poses(x, Representation::planar, group_))
    expected = minimum(expected, squeeze((*energy)(pose), 1));
  EXPECT_TRUE(same_bits(least, expected));
}

// A symmetric image has several best poses, all of them one image: ties are counted, and the logits stay invariant.
TEST_P(CanonicalizationOf, SymmetricImagesTieAndStayInvariant) {
  const Tensor x = images(3, 6);
  const auto all = poses(x, Representation::planar, group_);
  // A sum in another order has other last bits, so the smallest of the orbit stands for the symmetric image.
  Tensor symmetric = all[0];
  for (const Tensor& pose : all) symmetric = minimum(symmetric, pose);
  for (const auto& [name, canonicalizer] : canonicalizers(group_, 6)) {
    EXPECT_EQ(tie_frequency((*canonicalizer)(symmetric)), group_.order() > 1 ? 1 : 0) << name;
    EXPECT_DOUBLE_EQ(tie_frequency((*canonicalizer)(concat(std::vector{symmetric, x}, 0))),
                     group_.order() > 1 ? 0.5 : 0);
    Canonicalized model(plain_network(36, 4), canonicalizer, invariant_);
    EXPECT_TRUE(is_exact([&](const Tensor& z) { return model(z); }, symmetric, Representation::invariant)) << name;
    const auto chosen = argmax(model.canonicalize(symmetric).weights, 1).to_vector<std::int64_t>();
    EXPECT_EQ(chosen, std::vector<std::int64_t>(3, 0)) << name;
  }
}

TEST_P(CanonicalizationOf, TrainsNetworkAndCanonicalizer) {
  for (const auto& [name, canonicalizer] : canonicalizers(group_, 6))
    for (const PoseEstimator estimator : {PoseEstimator::straight_through, PoseEstimator::gumbel}) {
      Canonicalized model(plain_network(36, 4), canonicalizer, invariant_, {.estimator = estimator});
      const Tensor labels = random_integers({8}, baseline_key, 4);
      const nn::Pass pass{.training = true, .key = baseline_key};
      const auto run = model.canonicalize(images(8, 6), pass);
      nn::cross_entropy(run.output, labels).backward();
      for (const auto& [parameter, value] : model.named_parameters()) {
        ASSERT_TRUE(value.grad().defined()) << name << " " << parameter;
        const double slope = max(absolute(value.grad())).item();
        EXPECT_TRUE(std::isfinite(slope));
        // Of one pose, and for a shift of all activations, nothing is to be chosen.
        const bool moves = parameter.starts_with("network") || (group_.order() > 1 && !parameter.ends_with("bias"));
        if (moves) {
          EXPECT_GT(slope, 1e-12) << name << " " << parameter;
        }
        Tensor(value).set_grad(Tensor());
      }
    }
}

TEST(Choice, IsOneHotForwardAndSoftmaxBackward) {
  Tensor a = normal({5, 4}, baseline_key, 0, 1, DType::float64).set_requires_grad();
  const Tensor v = normal({5, 4}, baseline_key.split(1), 0, 1, DType::float64);
  const Tensor w = straight_through(a, 2);
  EXPECT_TRUE(same_bits(w, one_hot(argmax(a, 1), 4, DType::float64)));
  expect_near(grad({sum(w * v)}, {a})[0], grad({sum(softmax(a * 2.0, 1) * v)}, {a})[0], 1e-15);
  EXPECT_TRUE(same_bits(straight_through(zeros({1, 3})), from_vector<float>({1, 0, 0}, {1, 3})));  // lowest index
}

TEST(Choice, GumbelNoiseSamplesFromTheSoftmax) {
  constexpr std::int64_t count = 20000;
  const Tensor row = from_vector<double>({0, 1, -1, 0.5}), p = softmax(row, 0);
  const Tensor noisy = add_gumbel_noise(broadcast_to(row, {count, 4}), baseline_key);
  const Tensor share = mean(straight_through(noisy), {0});
  expect_near(share, p, 5 * std::sqrt(0.25 / static_cast<double>(count)));
  EXPECT_TRUE(same_bits(noisy, add_gumbel_noise(broadcast_to(row, {count, 4}), baseline_key)));
}

TEST(Choice, GumbelDoesNotTouchEvaluation) {
  const auto p4 = groups::lattice_group("p4");
  const auto direct = canonicalizers(p4, 6)[0].second;
  Canonicalized model(plain_network(36, 4), direct, {p4}, {.estimator = PoseEstimator::gumbel, .beta = 5});
  const Tensor x = images(20, 6);
  const auto calm = model.canonicalize(x), noisy = model.canonicalize(x, {.training = true, .key = baseline_key});
  EXPECT_TRUE(same_bits(calm.weights, straight_through((*direct)(x))));
  EXPECT_TRUE(same_bits(noisy.activations, calm.activations));
  EXPECT_FALSE(same_bits(noisy.weights, calm.weights));
}

TEST(PosePrior, OnTheIdentityIsCrossEntropy) {
  const auto p4m = groups::lattice_group("p4m");
  const Tensor a = normal({6, 8}, baseline_key, 0, 1, DType::float64);
  const Tensor labels = full({6}, p4m.group.identity(), DType::int64);
  expect_near(pose_prior_loss(a, p4m), nn::cross_entropy(a, labels), 1e-14);
  const Tensor row = softmax(normal({8}, baseline_key.split(1), 0, 1, DType::float64), 0);
  expect_near(pose_prior_loss(broadcast_to(log(row), {6, 8}), p4m, row), zeros({}, DType::float64), 1e-14);
  EXPECT_GT(pose_prior_loss(a, p4m, row).item(), 0);
  EXPECT_TRUE(gradcheck([&](const auto& in) { return pose_prior_loss(in[0], p4m, row); },
                        {normal({6, 8}, baseline_key, 0, 1, DType::float64).set_requires_grad()}));
}

TEST(Contrastive, LossIsTheMeanProductOfDifferentPoses) {
  const Tensor v = normal({3, 4, 5}, baseline_key, 0, 1, DType::float64).set_requires_grad();
  const auto values = v.to_vector<double>();
  double expected = 0;
  for (std::size_t n = 0; n < 3; ++n)
    for (std::size_t h = 0; h < 4; ++h)
      for (std::size_t k = 0; k < 4; ++k) {
        double product = 0;
        for (std::size_t d = 0; d < 5; ++d) product += values[(n * 4 + h) * 5 + d] * values[(n * 4 + k) * 5 + d];
        if (h != k) expected += std::abs(product) / (3 * 4 * 3);
      }
  EXPECT_NEAR(contrastive_loss(v).item(), expected, 1e-13);
  EXPECT_TRUE(gradcheck([](const auto& in) { return contrastive_loss(in[0]); }, {v}));
  const Tensor orthogonal = broadcast_to(identity(4, DType::float64), {2, 4, 4});
  EXPECT_EQ(contrastive_loss(orthogonal).item(), 0);
}

TEST(Contrastive, ReferenceIsFixedOrLearned) {
  const auto p4 = groups::lattice_group("p4");
  const auto encoder = plain_network(25, 6);
  ContrastiveCanonicalizer fixed(p4, encoder, 6, baseline_key, false, DType::float64);
  ContrastiveCanonicalizer learned(p4, encoder, 6, baseline_key, true, DType::float64);
  EXPECT_EQ(learned.parameter_count() - fixed.parameter_count(), 6);
  EXPECT_TRUE(same_bits(fixed(images(2)), learned(images(2))));
  const auto run = fixed.activate(images(2));
  EXPECT_EQ(run.vectors.shape(), (Shape{2, 4, 6}));
  EXPECT_LE(max(absolute(run.activations)).item(), 1 + 1e-15);
}

TEST(Canonicalization, RefusesWhatDoesNotFit) {
  const auto p4 = groups::lattice_group("p4"), p4m = groups::lattice_group("p4m");
  Canonicalized other(plain_network(36, 4), canonicalizers(p4, 6)[0].second, {p4m});
  expect_error([&] { other(images(2, 6)); }, {"[Canonicalized]", "[2, 4]", "p4m", "[2, 8]"});
  expect_error([&] { Canonicalized(plain_network(36, 4), plain_network(36, 4), {p4}, {.beta = 0}); }, {"beta is 0"});
  EnergyCanonicalizer wide(p4, plain_network(36, 2));
  expect_error([&] { wide(images(3, 6)); }, {"[EnergyCanonicalizer]", "[3, 2]"});
  expect_error([&] { EnergyCanonicalizer(p4, TensorMap()); }, {"[EnergyCanonicalizer]", "empty"});
  ContrastiveCanonicalizer narrow(p4, plain_network(36, 5), 6, baseline_key, false, DType::float64);
  expect_error([&] { narrow(images(3, 6)); }, {"[ContrastiveCanonicalizer]", "[3, 5]", "[3, 6]"});
  expect_error([&] { DirectCanonicalizer(p4, 1, baseline_key, {.kernel = 4}); }, {"odd", "4"});
  expect_error([&] { pose_prior_loss(zeros({2, 4}), p4m); }, {"[2, 4]", "8"});
  expect_error([&] { pose_prior_loss(zeros({2, 4}), p4, zeros({3})); }, {"[3]", "[4]"});
  expect_error([&] { contrastive_loss(zeros({2, 1, 3})); }, {"[2, 1, 3]", ">= 2"});
  expect_error([&] { straight_through(zeros({4})); }, {"[straight_through]", "[4]"});
}

}  // namespace
}  // namespace orbitgrad::models
