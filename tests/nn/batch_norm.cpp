// Running statistics against their formula, and their exact re-estimation from batches.
#include "nn/batch_norm.hpp"

#include <cmath>

#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "nn/batch_statistics.hpp"
#include "nn/layers.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::nn {
namespace {

using namespace testing_support;

const RandomKey key{21};

class BatchNormShapes : public testing::TestWithParam<Shape> {};

TEST_P(BatchNormShapes, TrainingNormalisesEachFieldAndUpdatesTheBuffers) {
  const Tensor x = normal(GetParam(), key, 3, 2, DType::float64);
  Axes axes{0};
  for (int axis = 2; axis < x.rank(); ++axis) axes.push_back(axis);
  BatchNorm layer(3, {.momentum = 0.3, .dtype = DType::float64});
  const Tensor y = layer(x, {.training = true});
  expect_near(mean(y, axes), zeros({3}, DType::float64), 1e-12);
  expect_near(variance(y, axes), ones({3}, DType::float64), 1e-4);
  const auto state = layer.state();
  expect_near(state.at("running_mean"), mean(x, axes) * 0.3, 1e-12);
  expect_near(state.at("running_variance"), variance(x, axes, false, 1) * 0.3 + 0.7, 1e-12);
}

INSTANTIATE_TEST_SUITE_P(BatchNorm, BatchNormShapes,
                         testing::Values(Shape{16, 3}, Shape{4, 3, 5, 2}, Shape{2, 3, 4, 3, 3}));

TEST(BatchNorm, EvaluationUsesTheBuffers) {
  BatchNorm layer(2, {.dtype = DType::float64});
  layer.set_statistics(from_vector<double>({1, -2}), from_vector<double>({4, 9}));
  const Tensor y = layer(from_vector<double>({3, 4}, {1, 2}));
  expect_near(y, from_vector<double>({1, 2}, {1, 2}), 1e-5);
}

TEST(BatchNorm, RefusesWhatItCannotNormalise) {
  BatchNorm layer(3);
  expect_error([&] { layer(zeros({2, 4, 5, 5})); }, {"[BatchNorm]", "[N, 3, ...]", "[2, 4, 5, 5]"});
  expect_error([&] { layer(zeros({1, 3}), {.training = true}); }, {"[BatchNorm]", "two values"});
  EXPECT_EQ(layer(zeros({1, 3})).shape(), (Shape{1, 3}));
  expect_error([] { BatchNorm(0); }, {"[BatchNorm]"});
}

// Batches of different sizes together give the statistics of all samples at once, even far from zero.
TEST(BatchStatistics, AreThoseOfAllSamplesTogether) {
  for (const double offset : {0.0, 1e6}) {
    const Tensor all = normal({23, 2, 3, 3}, key, offset, 1, DType::float64);
    BatchNorm layer(2, {.dtype = DType::float64});
    const std::int64_t starts[] = {0, 8, 16}, sizes[] = {8, 8, 7};
    estimate_batch_statistics(layer, 3, [&](std::int64_t i) { return narrow(all, 0, starts[i], sizes[i]); });
    const auto state = layer.state();
    expect_near(state.at("running_mean"), mean(all, {0, 2, 3}), 1e-9);
    expect_near(state.at("running_variance"), variance(all, {0, 2, 3}, false, 1), 1e-8);
  }
}

TEST(BatchStatistics, DoNotDependOnOldBuffersOrDropout) {
  const auto model_with = [](double momentum) {
    auto model = std::make_shared<Sequential>();
    model->add<Conv2d>("conv", 1, 2, 3, key).add<BatchNorm>("norm1", 2, BatchNormOptions{.momentum = momentum});
    model->add<Dropout>("dropout", 0.5).add<BatchNorm>("norm2", 2, BatchNormOptions{.momentum = momentum});
    return model;
  };
  const auto batch = [](std::int64_t i) { return normal({4, 1, 6, 6}, key.split(static_cast<std::uint64_t>(i))); };
  auto fresh = model_with(0.1), trained = model_with(0.9);
  (*trained)(batch(9), {.training = true, .key = key});
  estimate_batch_statistics(*fresh, 5, batch);
  estimate_batch_statistics(*trained, 5, batch);
  EXPECT_TRUE(same_bits(fresh->state(), trained->state()));
  // Without dropout the second layer sees what the first has already normalised.
  expect_near(fresh->state().at("norm2.running_mean"), zeros({2}), 1e-5);
  expect_near(fresh->state().at("norm2.running_variance"), ones({2}), 0.01);
  expect_error([&] { estimate_batch_statistics(*fresh, 0, batch); }, {"[estimate_batch_statistics]"});
}

}  // namespace
}  // namespace orbitgrad::nn
