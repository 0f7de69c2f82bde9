// The published networks: parameter counts, shapes, equivariance to the last bit, and that they learn.
#include "models/gcnn.hpp"

#include <algorithm>

#include "engine/autograd/grad.hpp"
#include "engine/autograd/node.hpp"
#include "engine/ops/reduction.hpp"
#include "models/mlp.hpp"
#include "nn/batch_statistics.hpp"
#include "nn/check_equivariance.hpp"
#include "nn/loss.hpp"
#include "nn/optimizer.hpp"
#include "nn/to_plain.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::models {
namespace {

using namespace testing_support;

const RandomKey key{71};

TEST(Gcnn, HasThePublishedNumberOfParameters) {
  const std::map<std::string, std::int64_t> expected{
      {"z2cnn", 21750}, {"p4cnn", 24680}, {"p4cnn_rp", 21750}, {"p4mcnn", 26799}};
  ASSERT_EQ(gcnn_models().size(), expected.size());
  for (const auto& about : gcnn_models()) {
    EXPECT_EQ(make_model(about.name, key)->parameter_count(), expected.at(about.name)) << about.name;
    EXPECT_FALSE(about.description.empty());
  }
  const auto convolution_weights = [](const std::string& name) {
    std::int64_t count = 0;
    for (const auto& parameter : make_model(name, key)->named_parameters())
      if (parameter.name.ends_with(".weight")) count += parameter.tensor.numel();
    return count;
  };
  EXPECT_EQ(convolution_weights("z2cnn"), 21380);
  EXPECT_EQ(convolution_weights("p4cnn"), 24490);
}

TEST(Gcnn, UnknownNamesGetTheNearestOne) {
  expect_error([] { make_model("p4cn", key); }, {"[make_model]", "\"p4cn\"", "\"p4cnn\"", "p4mcnn"});
}

class EveryModel : public testing::TestWithParam<const char*> {
 protected:
  static const ModelDescription& about() {
    return *std::ranges::find(gcnn_models(), std::string(GetParam()), &ModelDescription::name);
  }
};

TEST_P(EveryModel, MapsDigitsToLogitsThroughTheStatedSizes) {
  auto model = make_model(GetParam(), key);
  EXPECT_EQ((*model)(zeros({2, 1, 28, 28})).shape(), (Shape{2, 10}));
  Tensor x = zeros({1, 1, 28, 28});
  std::vector<std::int64_t> sizes{28};
  for (const auto& [name, layer] : model->children()) {
    x = (*layer)(x);
    if (x.rank() >= 4 && x.size(-1) != sizes.back()) sizes.push_back(x.size(-1));
  }
  EXPECT_EQ(sizes, (std::vector<std::int64_t>{28, 26, 24, 12, 10, 8, 6, 4, 1}));
}

TEST_P(EveryModel, LogitsAreInvariantInEveryBit) {
  auto model = make_model(GetParam(), key, {.implementation = "orbit_gather"});
  const auto batch = [](std::int64_t i) { return uniform({8, 1, 28, 28}, key.split(static_cast<std::uint64_t>(i))); };
  nn::estimate_batch_statistics(*model, 3, batch);
  const auto report = nn::check_equivariance(*model, batch(9), groups::lattice_group(about().group));
  EXPECT_TRUE(report.is_exact()) << report.to_string();
  EXPECT_EQ(report.values, 80);
}

TEST_P(EveryModel, ImplementationsAgreeUpToRounding) {
  const Tensor x = uniform({2, 1, 28, 28}, key);
  const Tensor gathered = (*make_model(GetParam(), key, {.implementation = "orbit_gather"}))(x);
  const Tensor expanded = (*make_model(GetParam(), key, {.implementation = "expanded"}))(x);
  expect_near(gathered, expanded, 1e-4 * max(absolute(expanded)).item());
}

TEST_P(EveryModel, FoldsIntoPlainConvolutions) {
  auto model = make_model(GetParam(), key);
  nn::estimate_batch_statistics(*model, 3, [](std::int64_t i) {
    return uniform({8, 1, 28, 28}, key.split(static_cast<std::uint64_t>(i)));
  });
  const auto plain = nn::to_plain(*model);
  for (const auto& [name, tensor] : plain->state())  // nothing but convolutions is left
    EXPECT_TRUE(name.ends_with(".weight") || name.ends_with(".bias")) << name;
  const Tensor x = uniform({4, 1, 28, 28}, key), logits = (*model)(x);
  expect_near((*plain)(x), logits, 1e-4 * max(absolute(logits)).item());
}

TEST_P(EveryModel, IsAFunctionOfItsKey) {
  EXPECT_TRUE(same_bits(make_model(GetParam(), key)->state(), make_model(GetParam(), key)->state()));
  EXPECT_FALSE(same_bits(make_model(GetParam(), key)->state(), make_model(GetParam(), RandomKey{72})->state()));
}

/// Trains on one batch from step `from` to `to`; gives the losses.
std::vector<double> train(nn::Module& model, nn::Optimizer& optimizer, std::uint64_t from, std::uint64_t to) {
  const Tensor x = uniform({16, 1, 28, 28}, key), labels = random_integers({16}, key.split(1), 10);
  std::vector<double> losses;
  for (std::uint64_t step = from; step < to; ++step) {
    const Tensor loss = nn::cross_entropy(model(x, {.training = true, .key = key.split(step)}), labels);
    losses.push_back(loss.item());
    loss.backward();
    optimizer.step(3e-3);
    optimizer.clear_gradients();
  }
  return losses;
}

TEST_P(EveryModel, LearnsItsBatch) {
  auto model = make_model(GetParam(), key);
  nn::Adam adam(model->named_parameters());
  const auto losses = train(*model, adam, 0, 20);
  EXPECT_LT(losses.back(), 0.7 * losses.front()) << losses.front() << " -> " << losses.back();
}

TEST_P(EveryModel, ResumesBitForBit) {
  auto straight = make_model(GetParam(), key), killed = make_model(GetParam(), key);
  nn::Adam straight_adam(straight->named_parameters()), killed_adam(killed->named_parameters());
  train(*straight, straight_adam, 0, 4);
  train(*killed, killed_adam, 0, 2);
  auto resumed = make_model(GetParam(), RandomKey{72});
  nn::Adam resumed_adam(resumed->named_parameters());
  resumed->load_state(snapshot(killed->state()));
  resumed_adam.load_state(snapshot(killed_adam.state()));
  train(*resumed, resumed_adam, 2, 4);
  EXPECT_TRUE(same_bits(resumed->state(), straight->state()));
  EXPECT_TRUE(same_bits(resumed_adam.state(), straight_adam.state()));
}

TEST_P(EveryModel, TrainsToTheSameBitsWithAnyNumberOfThreads) {
  const auto trained_with = [](int threads) {
    const ThreadCount scope(threads);
    auto model = make_model(GetParam(), key);
    nn::Adam adam(model->named_parameters());
    train(*model, adam, 0, 3);
    return snapshot(model->state());
  };
  const nn::State one = trained_with(1);
  EXPECT_TRUE(same_bits(one, trained_with(2)));
  EXPECT_TRUE(same_bits(one, trained_with(3)));
}

INSTANTIATE_TEST_SUITE_P(Models, EveryModel, testing::Values("z2cnn", "p4cnn", "p4cnn_rp", "p4mcnn"),
                         [](const auto& name) { return std::string(name.param); });

TEST(Gcnn, OnlyThePlainNetworkDropsOutAndNotWhereItPools) {
  const Tensor x = uniform({4, 1, 28, 28}, key);
  for (const auto& about : gcnn_models()) {
    auto model = make_model(about.name, key);
    std::vector<std::string> dropouts;
    for (const auto& [name, layer] : model->children())
      if (dynamic_cast<nn::Dropout*>(layer.get())) dropouts.push_back(name);
    const bool is_plain = about.name == "z2cnn";
    EXPECT_EQ(dropouts, is_plain
                            ? (std::vector<std::string>{"dropout1", "dropout3", "dropout4", "dropout5", "dropout6"})
                            : std::vector<std::string>{});
    const Tensor a = (*model)(x, {.training = true, .key = RandomKey{1}});
    const Tensor b = (*model)(x, {.training = true, .key = RandomKey{2}});
    EXPECT_EQ(same_bits(a, b), !is_plain) << about.name;
  }
}

TEST(Gcnn, PlainNetworkIsFarFromInvariant) {
  auto model = make_model("z2cnn", key);
  const auto report = nn::check_equivariance(*model, uniform({4, 1, 28, 28}, key), groups::lattice_group("p4"));
  for (std::size_t r = 1; r < 4; ++r) EXPECT_GT(report.elements[r].relative_error, 0.05);
}

TEST(Mlp, WithoutHiddenLayersIsLinear) {
  auto model = mlp(12, {}, 3, key, DType::float64);
  const Tensor a = normal({2, 3, 4}, key.split(1), 0, 1, DType::float64);
  const Tensor b = normal({2, 3, 4}, key.split(2), 0, 1, DType::float64);
  const Tensor bias = (*model)(zeros({2, 3, 4}, DType::float64));
  expect_near((*model)(a + b) + bias, (*model)(a) + (*model)(b), 1e-12);
  EXPECT_EQ(mlp(12, {5, 4}, 3, key)->parameter_count(), 12 * 5 + 5 + 5 * 4 + 4 + 4 * 3 + 3);
}

}  // namespace
}  // namespace orbitgrad::models
