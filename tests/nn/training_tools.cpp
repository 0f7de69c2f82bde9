// RMSprop, clipping, averages of weights, warm-up, and the losses beyond cross-entropy.
#include <cmath>
#include <limits>

#include "engine/autograd/checkpoint.hpp"
#include "engine/autograd/grad.hpp"
#include "engine/autograd/gradcheck.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "nn/batch_norm.hpp"
#include "nn/ema.hpp"
#include "nn/loss.hpp"
#include "nn/optimizer.hpp"
#include "nn/schedule.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::nn {
namespace {

using namespace testing_support;

const RandomKey key{43};

NamedTensor parameter(const std::string& name, std::vector<double> values) {
  Tensor tensor = from_vector(values);
  tensor.set_requires_grad();
  return {name, tensor};
}

double gradient(int t) { return std::sin(1.7 * t) + 0.3; }

TEST(RmsProp, FollowsTheFormulas) {
  for (const double momentum : {0.0, 0.9})
    for (const bool centred : {false, true}) {
      const NamedTensor p = parameter("p", {1.5});
      RmsProp optimizer({p}, {.smoothing = 0.9, .momentum = momentum, .weight_decay = 0.01, .centred = centred});
      double value = 1.5, square = 0, mean = 0, velocity = 0;
      for (int t = 1; t <= 5; ++t) {
        const double g = 2 * gradient(t) + 0.01 * value;
        square = 0.9 * square + 0.1 * g * g;
        mean = 0.9 * mean + 0.1 * g;
        velocity = momentum * velocity + g / (std::sqrt(square - (centred ? mean * mean : 0)) + 1e-8);
        value -= 0.1 * velocity;
        optimizer.step({from_vector<double>({gradient(t)})}, 0.1, 2);
        EXPECT_NEAR(p.tensor.item(), value, 1e-13) << momentum << centred << " step " << t;
      }
    }
  expect_error([] { RmsProp({}, {.smoothing = 1}); }, {"[RmsProp]", "smoothing", "[0, 1)"});
  expect_error([] { RmsProp({}, {.momentum = -1}); }, {"[RmsProp]", "momentum"});
}

TEST(RmsProp, ResumesBitForBit) {
  const RmsPropOptions options{.momentum = 0.5, .centred = true};
  const auto gradient_of = [](int t) { return normal({7}, key.split(static_cast<std::uint64_t>(t))); };
  const auto start = [] {
    Tensor tensor = normal({7}, key);
    return NamedTensor{"p", tensor.set_requires_grad()};
  };
  const NamedTensor p = start(), q = start();
  RmsProp straight({p}, options), killed({q}, options);
  for (int t = 0; t < 6; ++t) straight.step({gradient_of(t)}, 0.01);
  for (int t = 0; t < 3; ++t) killed.step({gradient_of(t)}, 0.01);
  RmsProp resumed({q}, options);
  resumed.load_state(snapshot(killed.state()));
  for (int t = 3; t < 6; ++t) resumed.step({gradient_of(t)}, 0.01);
  EXPECT_TRUE(same_bits(p.tensor, q.tensor));
  EXPECT_TRUE(same_bits(straight.state(), resumed.state()));
  EXPECT_TRUE(straight.state().contains("p.mean") && straight.state().contains("p.square"));
}

TEST(Clipping, ByValueIsElementByElement) {
  const NamedTensor p = parameter("p", {1, 1, 1}), q = parameter("q", {1});
  Sgd optimizer({p, q});
  sum(p.tensor * from_vector<double>({5, -5, 0.25})).backward();
  optimizer.clip_gradients(0.5);
  expect_near(p.tensor.grad(), from_vector<double>({0.5, -0.5, 0.25}), 0);
  EXPECT_FALSE(q.tensor.grad().defined());
  Tensor target = p.tensor;
  target.set_grad(from_vector<double>({std::nan(""), 1, -1}));
  optimizer.clip_gradients(0.5);
  EXPECT_TRUE(std::isnan(p.tensor.grad().to_vector<double>()[0]));
  expect_error([&] { optimizer.clip_gradients(0); }, {"positive"});
  for (const double limit : {0.0, -1.0, std::nan("")})
    expect_error([&] { static_cast<void>(optimizer.clip_scale(limit)); }, {"positive"});
}

TEST(WeightAverage, FollowsTheFormulaAndSwaps) {
  NamedTensor p = parameter("p", {1, 2});
  WeightAverage average({p}, 0.75);
  Sgd optimizer({p});
  std::vector<double> weight = {1, 2}, expected = weight;
  for (int t = 1; t <= 4; ++t) {
    optimizer.step({from_vector<double>({gradient(t), -gradient(t)})}, 0.5);
    average.update();
    for (std::size_t i = 0; i < 2; ++i) {
      weight[i] -= 0.5 * (i == 0 ? gradient(t) : -gradient(t));
      expected[i] = 0.75 * expected[i] + 0.25 * weight[i];
    }
  }
  const auto bits = p.tensor.to_vector<double>();
  {
    const UseAverage averaged(average);
    expect_near(p.tensor, from_vector(expected), 1e-14);
  }
  EXPECT_EQ(p.tensor.to_vector<double>(), bits);
  EXPECT_EQ(average.updates(), 4);
}

TEST(WeightAverage, WarmsUpAndResumes) {
  NamedTensor p = parameter("p", {1}), q = parameter("p", {1});
  WeightAverage average({p}, 0.999, true), resumed({q}, 0.999, true);
  Sgd optimizer({p});
  optimizer.step({from_vector<double>({1})}, 1);  // to 0
  average.update();
  EXPECT_NEAR(average.state().at("p.average").item(), 2.0 / 11, 1e-15);
  resumed.load_state(snapshot(average.state()));
  EXPECT_TRUE(same_bits(average.state(), resumed.state()));
  expect_error([&] { resumed.load_state({}); }, {"[WeightAverage]", "p.average"});
  expect_error([] { WeightAverage({}, 1); }, {"[WeightAverage]", "[0, 1)"});
  expect_error([&] { WeightAverage({p, p}, 0.5); }, {"[WeightAverage]", "two parameters are called \"p\""});
  expect_error([] { WeightAverage({{"count", arange(3)}}, 0.5); }, {"[WeightAverage]", "count is int64"});
}

TEST(Schedule, WarmUpClimbsThenFollows) {
  const auto rate = warm_up_schedule(4, cosine_schedule(1, 0));
  for (std::int64_t step = 0; step < 4; ++step)
    EXPECT_DOUBLE_EQ(rate(step, 14), static_cast<double>(step + 1) / 5) << step;
  for (std::int64_t step = 4; step < 20; ++step) EXPECT_DOUBLE_EQ(rate(step, 14), cosine_schedule(1, 0)(step - 4, 10));
  EXPECT_DOUBLE_EQ(warm_up_schedule(0, constant_schedule(2))(0, 10), 2);
  EXPECT_GT(warm_up_schedule(100, constant_schedule(2))(3, 10), 0);  // longer than the run
  const auto named = schedule_by_name("warm_up_cosine", 1);
  EXPECT_NEAR(named(0, 200), 1.0 / 11, 1e-15);
  EXPECT_NEAR(named(10, 200), 1, 1e-15);
  expect_error([] { warm_up_schedule(-1, constant_schedule(1)); }, {"[warm_up_schedule]", "-1"});
  expect_error([] { warm_up_schedule(1, {}); }, {"[warm_up_schedule]", "empty"});
}

TEST(SmoothedCrossEntropy, IsTheCrossEntropyWithTheSmoothedDistribution) {
  const Tensor logits = normal({4, 3}, key, 0, 1, DType::float64);
  const Tensor labels = from_vector<std::int64_t>({2, 0, 1, 1});
  const Tensor one_hot = from_vector<double>({0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0}, {4, 3});
  const Tensor distribution = one_hot * 0.9 + 0.1 / 3;
  expect_near(smoothed_cross_entropy(logits, labels, 0.1, Reduction::none),
              -sum(distribution * log_softmax(logits, 1), {1}), 1e-14);
  expect_near(smoothed_cross_entropy(logits, labels, 0), cross_entropy(logits, labels), 1e-14);
  expect_error([&] { smoothed_cross_entropy(logits, labels, 1.5); }, {"[smoothed_cross_entropy]", "[0, 1]"});
}

TEST(Losses, FollowTheFormulas) {
  const Tensor a = from_vector<double>({1, 2, 3, -4}), b = from_vector<double>({1, 4, 2.5, 0});
  expect_near(l1(a, b, Reduction::none), from_vector<double>({0, 2, 0.5, 4}), 0);
  expect_near(huber(a, b, 1, Reduction::none), from_vector<double>({0, 1.5, 0.125, 3.5}), 1e-15);
  EXPECT_NEAR(huber(a, b, 10).item(), mse(a, b).item() / 2, 1e-14);
  const Tensor x = from_vector<double>({-2, 0, 0.5, 700}), t = from_vector<double>({0, 0.5, 1, 1});
  expect_near(binary_cross_entropy_with_logits(x, t, Reduction::none),
              from_vector<double>({std::log1p(std::exp(-2.0)), std::log(2.0), std::log1p(std::exp(-0.5)), 0}), 1e-12);
  expect_near(binary_cross_entropy(sigmoid(x), t), binary_cross_entropy_with_logits(x, t), 1e-12);
  expect_near(
      binary_cross_entropy(from_vector<double>({0, 1, 0, 1}), from_vector<double>({0, 1, 1, 0}), Reduction::none),
      from_vector<double>({0, 0, 100, 100}), 0);
  const Tensor p = softmax(normal({5, 4}, key, 0, 1, DType::float64), 1);
  const Tensor q = log_softmax(normal({5, 4}, key.split(1), 0, 1, DType::float64), 1);
  expect_near(kl_divergence(q, p), mean(sum(p * (log(p) - q), {1})), 1e-14);
  expect_near(kl_divergence(log(p), p), zeros({}, DType::float64), 1e-15);
  expect_near(
      kl_divergence(q, from_vector<double>({0, 1, 0, 0}, {1, 4}) * ones({5, 1}, DType::float64), Reduction::none),
      -select(q, 1, 1), 1e-15);
  expect_error([&] { l1(a, zeros({2}, DType::float64)); }, {"[l1]", "[4]", "[2]"});
  expect_error([&] { huber(a, b, 0); }, {"[huber]", "positive"});
  expect_error([&] { kl_divergence(zeros({}), zeros({})); }, {"[kl_divergence]", "axis"});
}

TEST(Losses, HaveTheRightDerivatives) {
  const RandomKey keys = key.split("derivatives");
  Tensor x = normal({3, 4}, keys, 0, 1, DType::float64), y = normal({3, 4}, keys.split(1), 0, 1, DType::float64);
  Tensor p = sigmoid(normal({3, 4}, keys.split(2), 0, 1, DType::float64)).detach();
  const Tensor t = sigmoid(y), labels = from_vector<std::int64_t>({2, 0, 3});
  x.set_requires_grad();
  p.set_requires_grad();
  const auto holds = [](const TensorFunction& f, const std::vector<Tensor>& in) {
    return gradcheck(f, in) && gradgradcheck(f, in);
  };
  EXPECT_TRUE(holds([&](const auto& in) { return smoothed_cross_entropy(in[0], labels, 0.2); }, {x}));
  EXPECT_TRUE(holds([&](const auto& in) { return l1(in[0], y); }, {x}));
  EXPECT_TRUE(holds([&](const auto& in) { return huber(in[0], y, 0.7); }, {x}));
  EXPECT_TRUE(holds([&](const auto& in) { return binary_cross_entropy_with_logits(in[0], t); }, {x}));
  EXPECT_TRUE(holds([&](const auto& in) { return binary_cross_entropy(in[0], t); }, {p}));
  EXPECT_TRUE(holds([&](const auto& in) { return kl_divergence(log_softmax(in[0], 1), in[1]); }, {x, p}));
  Tensor edge = from_vector<double>({0, 1});
  edge.set_requires_grad();
  const Tensor at_edge = grad({binary_cross_entropy(edge, edge.detach())}, {edge})[0];
  for (const double value : at_edge.to_vector<double>()) EXPECT_TRUE(std::isfinite(value));
}

TEST(Checkpoint, CountsTheBatchOnceInRunningStatistics) {
  const Tensor x = normal({8, 3, 4, 4}, key);
  const auto train = [&](bool saves_memory) {
    const auto layer = std::make_shared<BatchNorm>(3, BatchNormOptions{});
    const TensorFunction f = [layer](const std::vector<Tensor>& in) { return (*layer)(in[0], {.training = true}); };
    sum(square(saves_memory ? checkpoint(f, {x}) : f({x}))).backward();
    return std::pair(snapshot(layer->state()), layer->parameters()[0].grad());
  };
  const auto plain = train(false), saved = train(true);
  EXPECT_TRUE(same_bits(plain.first, saved.first));
  EXPECT_TRUE(same_bits(plain.second, saved.second));
}

}  // namespace
}  // namespace orbitgrad::nn
