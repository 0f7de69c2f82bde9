// Training with products at a lower precision and float32 weights; loss scaling.
#include <cmath>

#include "engine/ops/affine.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/precision.hpp"
#include "nn/activation.hpp"
#include "nn/layers.hpp"
#include "nn/linear.hpp"
#include "nn/loss.hpp"
#include "nn/loss_scaler.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::nn {
namespace {

using namespace testing_support;

/// A network that learns which of four directions is nearest to a point in the plane.
struct Training {
  Sequential network;
  Tensor points, labels;
  Adam optimizer;
  LossScaler scaler;
  Precision precision;

  explicit Training(Precision at, const LossScalerOptions& scaling = {.steps_to_double = 10})
      : optimizer(build(network)), scaler(scaling), precision(at) {
    points = normal({64, 2}, RandomKey{5});
    std::vector<std::int64_t> nearest;
    const auto values = points.to_vector<float>();
    for (std::size_t i = 0; i < 64; ++i) {
      const float x = values[2 * i], y = values[2 * i + 1];
      nearest.push_back(std::abs(x) > std::abs(y) ? (x > 0 ? 0 : 1) : (y > 0 ? 2 : 3));
    }
    labels = from_vector(nearest);
  }

  static std::vector<NamedTensor> build(Sequential& network) {
    network.add<Linear>("in", 2, 32, RandomKey{1});
    network.add<Relu>("relu");
    network.add<Linear>("middle", 32, 32, RandomKey{2});
    network.add<Tanh>("tanh");
    network.add<Linear>("out", 32, 4, RandomKey{3});
    return network.named_parameters();
  }

  double step() {
    const ScopedPrecision scope(precision);
    const Tensor loss = cross_entropy(network(points, {}), labels);
    optimizer.clear_gradients();
    if (precision == Precision::float16) {
      scaler.scale(loss).backward();
      scaler.step(optimizer, 0.01);
    } else {
      loss.backward();
      optimizer.step(0.01);
    }
    return loss.item();
  }
  double steps(int count) {
    double loss = 0;
    for (int i = 0; i < count; ++i) loss = step();
    return loss;
  }
};

TEST(MixedPrecision, TrainsToNearlyTheLossOfFloat32) {
  const bool is_slow = default_device() == DeviceKind::sim;
  const int count = is_slow ? 15 : 100;
  const double first = Training(Precision::float32).step(), expected = Training(Precision::float32).steps(count);
  EXPECT_LT(expected, (is_slow ? 0.9 : 0.2) * first);
  for (const Precision precision : {Precision::tf32, Precision::bfloat16, Precision::float16}) {
    const double loss = Training(precision).steps(count);
    EXPECT_NE(loss, expected) << name(precision) << " computes what float32 does";
    EXPECT_NEAR(loss, expected, 0.1 * expected) << name(precision);
  }
}

/// A weight whose gradient is about `size` for each element of x.
struct TinyGradient {
  Tensor w = zeros({1, 3}), x = from_vector<float>({1, 2, 4}, {1, 3});
  Sgd optimizer{{{"w", w.set_requires_grad()}}};
  Tensor loss(double size) {
    const ScopedPrecision scope(Precision::float16);
    return sum(affine(x, w)) * size;
  }
};

TEST(LossScaling, KeepsGradientsThatFloat16WouldLose) {
  constexpr double size = 0x1p-28;  // below half of 2^-24
  TinyGradient lost, kept;
  lost.loss(size).backward();
  lost.optimizer.step(1);
  EXPECT_EQ(lost.w.to_vector<float>(), (std::vector<float>{0, 0, 0}));
  LossScaler scaler;
  scaler.scale(kept.loss(size)).backward();
  EXPECT_TRUE(scaler.step(kept.optimizer, 1));
  EXPECT_EQ(kept.w.to_vector<float>(), (std::vector<float>{-0x1p-28f, -0x1p-27f, -0x1p-26f}));
}

TEST(LossScaling, AnOverflowSkipsTheStepAndHalvesTheScale) {
  TinyGradient t;
  LossScaler scaler({.initial_scale = 65536, .steps_to_double = 2});
  std::vector<std::pair<bool, double>> history;
  for (int i = 0; i < 5; ++i) {
    const auto before = t.w.to_vector<float>();
    t.optimizer.clear_gradients();
    scaler.scale(t.loss(1.0)).backward();  // the cotangent of the product is the scale: 65536 is beyond float16
    const bool made = scaler.step(t.optimizer, 0.5);
    EXPECT_EQ(made, t.w.to_vector<float>() != before);
    history.emplace_back(made, scaler.current());
  }
  const std::vector<std::pair<bool, double>> expected{
      {false, 32768}, {true, 32768}, {true, 65536}, {false, 32768}, {true, 32768}};
  EXPECT_EQ(history, expected);
  EXPECT_EQ(t.optimizer.steps(), 3);
  EXPECT_EQ(t.w.to_vector<float>(), (std::vector<float>{-1.5, -3, -6}));
}

TEST(LossScaling, AGradientThatIsNotFiniteByItselfIsAnError) {
  TinyGradient t;
  LossScaler scaler({.initial_scale = 2});
  const auto step = [&] {
    t.optimizer.clear_gradients();
    scaler.scale(t.loss(NAN)).backward();
    return scaler.step(t.optimizer, 1);
  };
  EXPECT_FALSE(step());
  EXPECT_EQ(scaler.current(), 1);
  expect_error(step, {"[LossScaler]", "not scaled"});
  expect_error([] { LossScaler({.initial_scale = 3}); }, {"[LossScaler]", "powers of two"});
  expect_error([] { LossScaler({.initial_scale = 0.5}); }, {"[LossScaler]", "powers of two"});
  expect_error([] { LossScaler({.steps_to_double = 0}); }, {"[LossScaler]", "one or more"});
  expect_error([] { LossScaler().load_state({{"scale", full({}, 0, DType::float64)}}); }, {"[LossScaler]"});
}

TEST(LossScaling, AResumedRunHasTheSameBits) {
  const LossScalerOptions scaling{.initial_scale = 16777216, .steps_to_double = 3};
  Training whole(Precision::float16, scaling);
  whole.steps(9);
  const State network = snapshot(whole.network.state()), optimizer = snapshot(whole.optimizer.state()),
              scaler = snapshot(whole.scaler.state());
  EXPECT_LT(whole.optimizer.steps(), 9) << "some steps were skipped on the way";
  whole.steps(8);
  Training resumed(Precision::float16, scaling);
  resumed.network.load_state(network);
  resumed.optimizer.load_state(optimizer);
  resumed.scaler.load_state(scaler);
  resumed.steps(8);
  EXPECT_TRUE(same_bits(resumed.network.state(), whole.network.state()));
  EXPECT_EQ(resumed.scaler.current(), whole.scaler.current());
}

TEST(MixedPrecision, OptimizersTellToKeepWeightsInFloat32) {
  const Tensor half = zeros({2}, DType::bfloat16).set_requires_grad();
  expect_error([&] { Adam({{"weight", half}}); }, {"[optimizer]", "weight is bfloat16", "ScopedPrecision"});
}

}  // namespace
}  // namespace orbitgrad::nn
