// Layers against the ops they stand for, their shapes, initial weights, gradients and errors.
#include "nn/layers.hpp"

#include <cmath>

#include "engine/autograd/grad.hpp"
#include "engine/autograd/gradcheck.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/update.hpp"
#include "nn/check_equivariance.hpp"
#include "nn/loss.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::nn {
namespace {

using namespace testing_support;

const RandomKey key{11};

double variance_of(const Module& module) { return variance(module.state().at("weight")).item(); }

TEST(Linear, IsTheMatrixProduct) {
  Linear layer(5, 3, key);
  const auto state = layer.state();
  const Tensor x = normal({4, 5}, key.split(1));
  expect_near(layer(x), matmul(x, transpose(state.at("weight"))) + state.at("bias"), 1e-6);
  EXPECT_EQ(layer(normal({2, 4, 5}, key)).shape(), (Shape{2, 4, 3}));
  EXPECT_EQ(Linear(5, 3, key, {.bias = false}).parameter_count(), 15);
  expect_error([&] { layer(normal({4, 6}, key)); }, {"[Linear]", "[..., 5]", "[4, 6]"});
}

TEST(FibreLinear, IsTheOpAndCommutesWithTheGroup) {
  const auto p4m = groups::lattice_group("p4m");
  FibreLinear layer(p4m.group, 3, 5, key, {.implementation = "irrep_blocks"});
  EXPECT_NEAR(variance_of(FibreLinear(p4m.group, 40, 30, key)) * 40 * 8, 1, 0.1);
  EXPECT_EQ(layer(normal({2, 3, 8}, key)).shape(), (Shape{2, 5, 8}));
  const Tensor x = normal({2, 3, 8, 4, 4}, key.split(1));
  const auto state = layer.state();
  expect_near(layer(x), fibre_linear(x, state.at("weight"), state.at("bias"), p4m.group), 1e-5);
  EXPECT_LE(check_equivariance(layer, x, p4m).max_relative_error(), 1e-6);
  expect_error([&] { layer(normal({2, 3, 4}, key)); }, {"[fibre_linear]", "|G| = 8"});
  expect_error([&] { FibreLinear(p4m.group, 0, 5, key); }, {"[FibreLinear]", "positive sizes"});
}

TEST(Initialisation, HasTheStatedVariance) {
  const auto p4 = groups::lattice_group("p4");
  const double tolerance = 0.1;                                         // relative; 5,000 values or more
  EXPECT_NEAR(variance_of(Linear(100, 100, key)) * 300, 1, tolerance);  // uniform in +-0.1
  EXPECT_NEAR(variance_of(Linear(100, 100, key, {.gain = 2})) * 100, 2, 2 * tolerance);
  EXPECT_NEAR(variance_of(Conv2d(24, 30, 3, key)) * 24 * 9, 2, 2 * tolerance);
  EXPECT_NEAR(variance_of(Conv2d(24, 30, 3, key, {}, {.gain = 1})) * 24 * 9, 1, tolerance);
  EXPECT_NEAR(variance_of(LiftConv2d(p4, 24, 30, 3, key)) * 24 * 9, 1, tolerance);
  EXPECT_NEAR(variance_of(GroupConv2d(p4, 10, 30, 3, key)) * 10 * 4 * 9, 1, tolerance);
  const auto bounded = Linear(100, 100, key).state().at("weight");
  EXPECT_LE(max(absolute(bounded)).item(), 0.1);
}

TEST(Initialisation, DependsOnTheKeyAlone) {
  EXPECT_TRUE(same_bits(Conv2d(2, 3, 3, key).state(), Conv2d(2, 3, 3, key).state()));
  EXPECT_FALSE(same_bits(Conv2d(2, 3, 3, key).state(), Conv2d(2, 3, 3, RandomKey{12}).state()));
}

TEST(Convolutions, AreTheOpsWithTheirOptions) {
  const auto p4m = groups::lattice_group("p4m");
  Conv2d plain(4, 6, 3, key, {.stride = 2, .padding = 1, .groups = 2});
  const Tensor x = normal({2, 4, 7, 7}, key);
  EXPECT_EQ(plain.state().at("weight").shape(), (Shape{6, 2, 3, 3}));
  EXPECT_TRUE(same_bits(plain(x), conv2d(x, plain.state().at("weight"), plain.state().at("bias"),
                                         {.stride = 2, .padding = 1, .groups = 2})));
  LiftConv2d lift(p4m, 4, 3, 3, key, {.padding = 1});
  const Tensor lifted = lift(x);
  EXPECT_EQ(lifted.shape(), (Shape{2, 3, 8, 7, 7}));
  EXPECT_TRUE(
      same_bits(lifted, lift_conv2d(x, lift.state().at("weight"), lift.state().at("bias"), p4m, {.padding = 1})));
  GroupConv2d group(p4m, 3, 2, 3, key);
  EXPECT_EQ(group.state().at("weight").shape(), (Shape{2, 3, 8, 3, 3}));
  EXPECT_EQ(group(lifted).shape(), (Shape{2, 2, 8, 5, 5}));
  expect_error([&] { Conv2d(3, 4, 3, key, {.groups = 2}); }, {"[Conv2d]", "groups 2"});
  expect_error([&] { GroupConv2d(p4m, 0, 4, 3, key); }, {"[GroupConv2d]", "positive"});
}

TEST(Pooling, TakesMaximaAndMeansOverTheNamedAxes) {
  const Tensor image = normal({2, 3, 4, 4}, key), regular = normal({2, 3, 8, 4, 4}, key);
  EXPECT_EQ(MaxPool2d()(image).shape(), (Shape{2, 3, 2, 2}));
  EXPECT_EQ(AveragePool2d()(regular).shape(), (Shape{2, 3, 8, 2, 2}));
  EXPECT_TRUE(same_bits(GroupPool()(regular), max(regular, {2})));
  expect_near(GroupPool(PoolKind::mean)(regular), mean(regular, {2}), 1e-6);
  EXPECT_TRUE(same_bits(GlobalPool()(image), max(image, {2, 3})));
  EXPECT_TRUE(same_bits(GlobalPool()(regular), max(regular, {3, 4})));
  EXPECT_TRUE(same_bits(GlobalPool(PoolKind::max, PoolOver::group_and_pixels)(regular), max(regular, {2, 3, 4})));
  expect_near(GlobalPool(PoolKind::mean, PoolOver::group_and_pixels)(regular), mean(regular, {2, 3, 4}), 1e-6);
  expect_error([&] { GlobalPool(PoolKind::max, PoolOver::group_and_pixels)(image); }, {"[GlobalPool]", "S"});
  expect_error([&] { GlobalPool()(normal({2, 3}, key)); }, {"[GlobalPool]", "[2, 3]"});
}

TEST(Dropout, ActsInTrainingAlone) {
  Dropout layer(0.25);
  const Tensor x = ones({20000});
  EXPECT_TRUE(same_bits(layer(x), x));
  const auto y = layer(x, {.training = true, .key = key}).to_vector<float>();
  std::int64_t zeroed = 0;
  for (const float value : y) {
    zeroed += value == 0;
    EXPECT_TRUE(value == 0 || std::abs(value - 1 / 0.75F) < 1e-6F);
  }
  EXPECT_NEAR(static_cast<double>(zeroed) / 20000, 0.25, 0.015);
  EXPECT_TRUE(same_bits(Dropout(0)(x, {.training = true, .key = key}), x));
  expect_error([] { Dropout(1.0); }, {"[Dropout]", "[0, 1)"});
}

TEST(FieldDropout, DropsWholeFieldsAndKeepsRegularFeaturesEquivariant) {
  FieldDropout layer(0.25);
  const Tensor x = uniform({20, 50, 4, 3, 3}, key, 1, 2);
  EXPECT_TRUE(same_bits(layer(x), x));
  const Pass training{.training = true, .key = key};
  const Tensor y = layer(x, training);
  const Tensor factor = y / x;  // 0 or 4/3, one for a field
  const Tensor one = select(flatten(factor, 2), 2, 0);
  expect_near(flatten(factor, 2), broadcast_to(unsqueeze(one, 2), {20, 50, 36}), 1e-6);
  EXPECT_NEAR(mean(one).item(), 1, 0.1);
  EXPECT_NEAR(max(one).item(), 4.0 / 3, 1e-6);
  EXPECT_EQ(min(one).item(), 0);
  const auto p4 = groups::lattice_group("p4");
  EXPECT_TRUE(check_equivariance([&](const Tensor& in) { return layer(in, training); }, x, p4, Representation::regular,
                                 Representation::regular)
                  .is_exact());
  expect_error([] { FieldDropout(-0.5); }, {"[FieldDropout]", "[0, 1)"});
  expect_error([&] { layer(zeros({3}), training); }, {"[FieldDropout]", "[3]"});
}

TEST(Flatten, MergesTheLastAxes) {
  EXPECT_EQ(Flatten()(zeros({2, 3, 4, 5})).shape(), (Shape{2, 60}));
  EXPECT_EQ(Flatten(2)(zeros({2, 3, 4, 5})).shape(), (Shape{2, 3, 20}));
}

// Along one random direction for the input and for each parameter, which the update door moves.
TEST(Layers, GradientsOfATinyNetworkAreThoseOfDifferences) {
  const LayerOptions real{.dtype = DType::float64};
  const auto p4 = groups::lattice_group("p4");
  Sequential model;
  model.add<LiftConv2d>("lift", p4, 1, 2, 3, key.split(0), GroupConv2dOptions{}, real);
  model.add<BatchNorm>("norm", 2, BatchNormOptions{.dtype = DType::float64}).add<Tanh>("tanh");
  model.add<GroupConv2d>("group", p4, 2, 2, 2, key.split(1), GroupConv2dOptions{}, real).add<Softplus>("softplus");
  model.add<GlobalPool>("mean", PoolKind::mean, PoolOver::group_and_pixels)
      .add<Linear>("top", 2, 3, key.split(2), real);
  const Tensor labels = from_vector<std::int64_t>({0, 2, 1});
  Tensor x = normal({3, 1, 5, 5}, key.split(3), 0, 1, DType::float64);
  x.set_requires_grad();

  const Pass training{.training = true, .key = key};
  std::vector<Tensor> inputs = model.parameters();
  inputs.insert(inputs.begin(), x);
  const Tensor loss = cross_entropy(model(x, training), labels);
  const auto analytic = grad({loss}, inputs);
  const NoGrad no_grad;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Tensor& input = inputs[i];
    const Tensor kept = from_vector(input.to_vector<double>(), input.shape());
    const Tensor direction = normal(input.shape(), key.split(100 + i), 0, 1, DType::float64);
    const double step = 1e-6;
    assign(input, kept + direction * step);
    const double above = cross_entropy(model(x, training), labels).item();
    assign(input, kept - direction * step);
    const double below = cross_entropy(model(x, training), labels).item();
    assign(input, kept);
    const double numeric = (above - below) / (2 * step), exact = sum(analytic[i] * direction).item();
    EXPECT_NEAR(numeric, exact, 1e-7 + 1e-5 * std::abs(exact)) << "input " << i;
  }
}

TEST(Layers, GradcheckThroughEachActivation) {
  Tensor x = normal({4, 3}, key, 0, 1, DType::float64);
  x.set_requires_grad();
  Relu relu;
  Tanh tanh;
  Sigmoid sigmoid;
  Softplus softplus;
  for (Module* layer : std::initializer_list<Module*>{&relu, &tanh, &sigmoid, &softplus})
    EXPECT_TRUE(gradcheck([&](const std::vector<Tensor>& in) { return (*layer)(in[0]); }, {x}));
}

}  // namespace
}  // namespace orbitgrad::nn
