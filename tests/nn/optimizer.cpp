// Optimizers against the formulas written out for one number, their state, and clipping.
#include "nn/optimizer.hpp"

#include <cmath>

#include "engine/ops/reduction.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::nn {
namespace {

using namespace testing_support;

const RandomKey key{41};

NamedTensor parameter(const std::string& name, std::vector<double> values) {
  Tensor tensor = from_vector(values);
  tensor.set_requires_grad();
  return {name, tensor};
}

/// The gradient of step t: any fixed sequence will do.
double gradient(int t) { return std::sin(1.7 * t) + 0.3; }

/// What the optimizer makes of p = 1.5 in five steps with rate 0.1 / t.
std::vector<double> trajectory(Optimizer& optimizer, const Tensor& p) {
  std::vector<double> values;
  for (int t = 1; t <= 5; ++t) {
    optimizer.step({from_vector<double>({gradient(t)})}, 0.1 / t);
    values.push_back(p.item());
  }
  return values;
}

void expect_equal(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-14) << "step " << i + 1;
}

TEST(Sgd, FollowsTheFormulas) {
  for (const bool nesterov : {false, true}) {
    for (const double momentum : {0.0, 0.9}) {
      if (nesterov && momentum == 0) continue;
      const NamedTensor p = parameter("p", {1.5});
      Sgd optimizer({p}, {.momentum = momentum, .nesterov = nesterov, .weight_decay = 0.01});
      std::vector<double> expected;
      double value = 1.5, velocity = 0;
      for (int t = 1; t <= 5; ++t) {
        const double g = gradient(t) + 0.01 * value;
        velocity = momentum * velocity + g;
        value -= 0.1 / t * (nesterov ? g + momentum * velocity : velocity);
        expected.push_back(value);
      }
      expect_equal(trajectory(optimizer, p.tensor), expected);
    }
  }
  expect_error([] { Sgd({}, {.nesterov = true}); }, {"[Sgd]", "momentum"});
  expect_error([] { Sgd({}, {.momentum = 1}); }, {"[Sgd]", "[0, 1)"});
}

std::vector<double> adam_by_hand(double decay, bool decoupled) {
  std::vector<double> values;
  double p = 1.5, m = 0, v = 0;
  for (int t = 1; t <= 5; ++t) {
    const double rate = 0.1 / t;
    double g = gradient(t);
    if (decoupled)
      p *= 1 - rate * decay;
    else
      g += decay * p;
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    p -= rate * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
    values.push_back(p);
  }
  return values;
}

TEST(Adam, FollowsTheFormulas) {
  for (const double decay : {0.0, 0.1}) {
    const NamedTensor p = parameter("p", {1.5}), q = parameter("q", {1.5});
    Adam adam({p}, {.weight_decay = decay});
    expect_equal(trajectory(adam, p.tensor), adam_by_hand(decay, false));
    AdamW adam_w({q}, {.weight_decay = decay});
    expect_equal(trajectory(adam_w, q.tensor), adam_by_hand(decay, true));
  }
  expect_error([] { Adam({}, {.beta1 = 1}); }, {"[Adam]", "[0, 1)"});
}

TEST(Optimizer, UsesWhatBackwardLeft) {
  const NamedTensor p = parameter("p", {1, -2}), q = parameter("q", {3});
  Sgd optimizer({p, q});
  (sum(p.tensor * p.tensor) + sum(q.tensor * 5.0)).backward();
  EXPECT_NEAR(optimizer.gradient_norm(), std::sqrt(4.0 + 16 + 25), 1e-14);
  EXPECT_NEAR(optimizer.clip_scale(1), 1 / std::sqrt(45.0), 1e-14);
  EXPECT_EQ(optimizer.clip_scale(100), 1);
  optimizer.step(0.1, 0.5);
  expect_near(p.tensor, from_vector<double>({0.9, -1.8}), 1e-14);
  expect_near(q.tensor, from_vector<double>({2.75}), 1e-14);
  optimizer.clear_gradients();
  expect_error([&] { optimizer.step(0.1); }, {"[optimizer]", "parameter p", "backward"});
  EXPECT_EQ(optimizer.steps(), 1);
}

TEST(Optimizer, RefusesGradientsThatDoNotFit) {
  const NamedTensor p = parameter("p", {1, -2});
  Adam optimizer({p});
  expect_error([&] { optimizer.step({from_vector<double>({1})}, 0.1); }, {"gradient of p", "[1]", "[2]"});
  expect_error([&] { optimizer.step({from_vector<float>({1, 2})}, 0.1); }, {"float64", "float32"});
  expect_error([&] { optimizer.step(std::vector<Tensor>{}, 0.1); }, {"0 gradients for 1"});
  expect_near(p.tensor, from_vector<double>({1, -2}), 0);
  EXPECT_EQ(optimizer.steps(), 0);
}

TEST(Optimizer, RefusesNumbersThatSpoilTheWeights) {
  const NamedTensor p = parameter("p", {1, -2});
  Sgd optimizer({p});
  for (const double rate : {std::nan(""), HUGE_VAL})
    expect_error([&] { optimizer.step({from_vector<double>({1, 1})}, rate); }, {"learning rate", "finite"});
  expect_near(p.tensor, from_vector<double>({1, -2}), 0);
  EXPECT_EQ(optimizer.steps(), 0);
  for (const double wrong : {-0.1, std::nan(""), HUGE_VAL}) {
    expect_error([&] { Sgd({p}, {.weight_decay = wrong}); }, {"[Sgd]", "weight decay"});
    expect_error([&] { Adam({p}, {.weight_decay = wrong}); }, {"[Adam]", "weight decay"});
    expect_error([&] { AdamW({p}, {.epsilon = wrong}); }, {"[Adam]", "epsilon"});
    expect_error([&] { RmsProp({p}, {.epsilon = wrong}); }, {"[RmsProp]", "epsilon"});
    expect_error([&] { RmsProp({p}, {.weight_decay = wrong}); }, {"[RmsProp]", "weight decay"});
  }
  expect_error([] { Sgd({{"count", arange(3)}}); }, {"[optimizer]", "count is int64"});
}

template <class O, class Options>
void expect_resumes_bit_for_bit(const Options& options) {
  const auto gradient_of = [](int t) { return normal({7}, key.split(static_cast<std::uint64_t>(t))); };
  const auto start = [] {
    Tensor tensor = normal({7}, key);
    tensor.set_requires_grad();
    return NamedTensor{"layer.p", tensor};
  };
  const NamedTensor p = start(), q = start();
  O straight({p}, options), killed({q}, options);
  for (int t = 0; t < 3; ++t) killed.step({gradient_of(t)}, 0.01);
  const State saved = snapshot(killed.state());
  O resumed({q}, options);
  resumed.load_state(saved);
  EXPECT_EQ(resumed.steps(), 3);
  for (int t = 3; t < 6; ++t) resumed.step({gradient_of(t)}, 0.01);
  for (int t = 0; t < 6; ++t) straight.step({gradient_of(t)}, 0.01);
  EXPECT_TRUE(same_bits(p.tensor, q.tensor));
  EXPECT_TRUE(same_bits(straight.state(), resumed.state()));
}

TEST(Optimizer, StateResumesBitForBit) {
  expect_resumes_bit_for_bit<Sgd>(SgdOptions{});
  expect_resumes_bit_for_bit<Sgd>(SgdOptions{.momentum = 0.9, .nesterov = true});
  expect_resumes_bit_for_bit<Adam>(AdamOptions{});
  expect_resumes_bit_for_bit<AdamW>(AdamOptions{.weight_decay = 0.1});
}

TEST(Optimizer, NamesOfParametersAreUsedOnce) {
  expect_error([] { Adam({parameter("p", {1}), parameter("p", {2})}); }, {"[optimizer]", "called \"p\""});
}

TEST(Optimizer, LoadingIsStrict) {
  const NamedTensor p = parameter("p", {1, -2});
  Adam adam({p});
  adam.step({from_vector<double>({1, 1})}, 0.1);
  const State before = snapshot(adam.state());
  EXPECT_EQ(before.at("step").item<std::int64_t>(), 1);
  Sgd sgd({p}, {.momentum = 0.9});
  expect_error([&] { adam.load_state(sgd.state()); },
               {"[optimizer]", "Missing: p.first_moment, p.second_moment.", "Unexpected: p.velocity."});
  State wrong = snapshot(before);
  wrong["p.first_moment"] = zeros({3}, DType::float64);
  wrong["step"] = full({}, 5, DType::int64);
  expect_error([&] { adam.load_state(wrong); }, {"p.first_moment (is float64 [3], must be float64 [2])"});
  wrong["step"] = full({}, -5, DType::int64);
  expect_error([&] { adam.load_state(wrong); }, {"-5 steps"});
  EXPECT_TRUE(same_bits(adam.state(), before));
}

}  // namespace
}  // namespace orbitgrad::nn
