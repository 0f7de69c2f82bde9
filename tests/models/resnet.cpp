// Residual networks: sizes, invariance, that they learn, their plain form.
#include "models/resnet.hpp"

#include "engine/ops/reduction.hpp"
#include "models/cnn.hpp"
#include "nn/check_equivariance.hpp"
#include "nn/loss.hpp"
#include "nn/optimizer.hpp"
#include "nn/to_plain.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::models {
namespace {

using namespace testing_support;

const RandomKey key{83};

ResnetOptions small(const std::string& group) {
  return {.group = group, .blocks = 1, .fields = {3, 4, 5}, .channels = 2, .classes = 6, .dtype = DType::float64};
}

TEST(Resnet, HasThePublishedNumberOfWeights) {  // Cohen and Welling (2016), table 2: 2.64 and 2.62 million
  EXPECT_NEAR(static_cast<double>(resnet(key)->parameter_count()), 2.64e6, 0.03e6);
  EXPECT_NEAR(static_cast<double>(resnet(key, {.group = "p4m", .fields = {11, 23, 45}})->parameter_count()), 2.62e6,
              0.03e6);
}

class SmallResnet : public testing::TestWithParam<const char*> {};

TEST_P(SmallResnet, IsInvariantAndHasAPlainForm) {
  const auto network = resnet(key, small(GetParam()));
  const Tensor x = normal({2, 2, 8, 8}, key.split(1), 0, 1, DType::float64);
  (*network)(x, {.training = true});  // running statistics of their own
  const Tensor logits = (*network)(x);
  EXPECT_EQ(logits.shape(), (Shape{2, 6}));
  const auto group = groups::lattice_group(GetParam());
  const auto report = nn::check_equivariance(*network, x, group);
  EXPECT_LT(report.max_relative_error(), 1e-12) << report.to_string();
  const auto plain = nn::to_plain(*network);
  expect_near((*plain)(x), logits, 1e-11 * max(absolute(logits)).item());
  for (const auto& [name, tensor] : plain->state()) EXPECT_LE(tensor.rank(), 4) << name;
}

TEST_P(SmallResnet, LearnsItsBatch) {
  const auto network = resnet(key, small(GetParam()));
  nn::Adam adam(network->named_parameters());
  const Tensor x = normal({8, 2, 8, 8}, key.split(1), 0, 1, DType::float64);
  const Tensor labels = random_integers({8}, key.split(2), 6);
  double first = 0, last = 0;
  for (int step = 0; step < 15; ++step) {
    const Tensor loss = nn::cross_entropy((*network)(x, {.training = true}), labels);
    last = loss.item();
    if (step == 0) first = last;
    loss.backward();
    adam.step(1e-2);
    adam.clear_gradients();
  }
  EXPECT_LT(last, 0.6 * first);
}

INSTANTIATE_TEST_SUITE_P(Groups, SmallResnet, testing::Values("p1", "pm", "p4", "p4m"));

TEST(Cnn, MapsImagesOfAnySizeToLogits) {
  const auto network = cnn(3, {4, 6}, 5, key);
  EXPECT_EQ((*network)(zeros({2, 3, 9, 12})).shape(), (Shape{2, 5}));
  EXPECT_EQ(network->parameter_count(), 3 * 4 * 9 + 2 * 4 + 4 * 6 * 9 + 2 * 6 + 6 * 5 + 5);
}

TEST(Resnet, IsNotInvariantWithoutTheGroup) {
  const auto network = resnet(key, small("p1"));
  const Tensor x = normal({2, 2, 8, 8}, key.split(1), 0, 1, DType::float64);
  EXPECT_GT(nn::check_equivariance(*network, x, groups::lattice_group("p4")).max_relative_error(), 1e-3);
}

TEST(Resnet, RefusesWhatMakesNoNetwork) {
  expect_error([] { resnet(key, {.blocks = 0}); }, {"[resnet]", "0"});
  expect_error([] { resnet(key, {.group = "p5"}); }, {"p5"});
}

}  // namespace
}  // namespace orbitgrad::models
