// Softmax and batch normalisation: values, extreme inputs, fused against composed derivatives, errors.
#include "engine/ops/normalization.hpp"

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/layer_normalization.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/symmetry.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

using testing::expect_derivatives;
using testing::Inputs;
using testing::relative_difference;
using testing::smooth_input;

TEST(Softmax, FollowsTheFormulaAlongEveryAxis) {
  const Tensor x = smooth_input({2, 3, 4}, 1);
  for (int axis = -3; axis < 3; ++axis) {
    SCOPED_TRACE(axis);
    const Tensor expected = exp(x) / sum(exp(x), {axis}, true);
    EXPECT_LE(relative_difference(softmax(x, axis), expected), 1e-14);
    EXPECT_LE(relative_difference(log_softmax(x, axis), log(expected)), 1e-14);
    EXPECT_LE(relative_difference(softmax(x, axis).to(DType::float32), expected), 1e-6);
  }
}

TEST(Softmax, LargeInputsDoNotOverflow) {
  const Tensor x = from_vector<float>({1000, 0, -1000}, {1, 3});
  EXPECT_EQ(softmax(x).to_vector<float>(), (std::vector<float>{1, 0, 0}));
  EXPECT_EQ(log_softmax(x).to_vector<float>(), (std::vector<float>{0, -1000, -2000}));
}

TEST(Softmax, DerivativesOfEveryOrder) {
  for (const int axis : {0, 1, -1}) {
    const Inputs in = {smooth_input({2, 3, 4}, 1)};
    expect_derivatives({fmt::format("softmax {}", axis), [=](const Inputs& x) { return softmax(x[0], axis); }, in});
    expect_derivatives(
        {fmt::format("log_softmax {}", axis), [=](const Inputs& x) { return log_softmax(x[0], axis); }, in});
  }
}

TEST(Softmax, SizesOneAndZero) {
  EXPECT_EQ(softmax(from_vector<float>({7}, {1, 1})).item(), 1);
  testing::expect_empty_gradients([](const Inputs& x) { return softmax(x[0]); }, {smooth_input({0, 3}, 1)});
  testing::expect_empty_gradients([](const Inputs& x) { return log_softmax(x[0]); }, {smooth_input({3, 0}, 1)});
}

TEST(Softmax, Errors) {
  EXPECT_ERROR(softmax(full({}, 1)), "takes a tensor with axes, got a scalar");
  EXPECT_ERROR(softmax(ones({2, 3}), 2), "[softmax]");
  EXPECT_ERROR(log_softmax(ones({2, 3}, DType::int64)), "[log_softmax] takes float32 or float64, got int64");
}

Inputs batch_norm_inputs(const Shape& shape) {
  return {smooth_input(shape, 1), smooth_input({shape[1]}, 2), smooth_input({shape[1]}, 3)};
}

Shape per_field(const Tensor& x) {
  Shape shape = x.shape();
  for (int axis = 0; axis < shape.rank(); ++axis) shape[axis] = axis == 1 ? shape[1] : 1;
  return shape;
}

Axes others(const Tensor& x) {
  Axes axes = {0};
  for (int axis = 2; axis < x.rank(); ++axis) axes.push_back(axis);
  return axes;
}

std::vector<Shape> batch_norm_shapes() { return {{4, 3}, {2, 3, 2, 2}, {2, 2, 4, 2, 2}}; }

TEST(BatchNorm, FollowsTheFormula) {
  for (const Shape& shape : batch_norm_shapes()) {
    SCOPED_TRACE(shape.to_string());
    const Inputs in = batch_norm_inputs(shape);
    const Tensor x = in[0], column_mean = mean(x, others(x), true), spread = variance(x, others(x), true);
    const Tensor expected =
        (x - column_mean) * rsqrt(spread + 1e-3) * reshape(in[1], per_field(x)) + reshape(in[2], per_field(x));
    const BatchNormResult result = batch_norm_training(x, in[1], in[2], 1e-3);
    EXPECT_LE(relative_difference(result.y, expected), 1e-12);
    EXPECT_LE(relative_difference(result.mean, reshape(column_mean, {shape[1]})), 1e-13);
    EXPECT_LE(relative_difference(result.variance, reshape(spread, {shape[1]})), 1e-13);
    EXPECT_FALSE(result.mean.requires_grad() || result.variance.requires_grad());
    EXPECT_LE(relative_difference(batch_norm_inference(x, in[1], in[2], result.mean, result.variance, 1e-3), expected),
              1e-12);
  }
}

TEST(BatchNorm, DerivativesOfEveryOrder) {
  for (const Shape& shape : batch_norm_shapes()) {
    const Inputs in = batch_norm_inputs(shape);
    const Tensor mean = smooth_input({shape[1]}, 4).detach(), variance = smooth_input({shape[1]}, 5, true).detach();
    expect_derivatives(
        {"training " + shape.to_string(), [](const Inputs& x) { return batch_norm_training(x[0], x[1], x[2]).y; }, in});
    expect_derivatives({"inference " + shape.to_string(),
                        [=](const Inputs& x) { return batch_norm_inference(x[0], x[1], x[2], mean, variance); }, in});
    expect_derivatives({"gamma alone " + shape.to_string(),
                        [](const Inputs& x) { return batch_norm_training(x[0], x[1], x[2]).y; },
                        {in[0].detach(), in[1], in[2].detach()}});
  }
}

TEST(BatchNorm, CommutesWithTheGroup) {
  const groups::LatticeGroup group = groups::lattice_group("p4m");
  const Tensor x = uniform({2, 3, 8, 4, 4}, RandomKey{1}, -1, 1, DType::float64);
  const Tensor gamma = uniform({3}, RandomKey{2}, 1, 2, DType::float64),
               beta = uniform({3}, RandomKey{3}, -1, 1, DType::float64);
  for (int h = 0; h < group.order(); ++h) {
    const Tensor moved = batch_norm_training(act_on_regular(x, group, h), gamma, beta).y;
    EXPECT_LE(relative_difference(moved, act_on_regular(batch_norm_training(x, gamma, beta).y, group, h)), 1e-12);
  }
}

TEST(BatchNorm, EmptyBatches) {
  const Tensor ones3 = ones({3}), empty = zeros({0, 3, 2, 2});
  EXPECT_ERROR(batch_norm_training(empty, ones3, ones3), "no elements to take a mean of");
  EXPECT_EQ(batch_norm_inference(empty, ones3, ones3, ones3, ones3).shape(), empty.shape());
}

TEST(BatchNorm, AVarianceThatOverflowsIsNotSilent) {
  const Tensor leaf = from_vector<float>({-3e38F, 1e37F, 3e38F, 1, 2, 4}, {2, 3});
  for (const bool create_graph : {false, true}) {
    const Tensor x = leaf.detach().set_requires_grad();
    const Tensor y = layer_norm(x), dx = grad({sum(y * leaf)}, {x}, {.create_graph = create_graph})[0];
    for (const Tensor& result : {y, dx}) {
      const auto values = result.to_vector<float>();
      for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(std::isnan(values[i]), i < 3) << i;
    }
  }
  const Tensor one = ones({1}), infinite = full({1}, INFINITY);
  EXPECT_TRUE(std::isnan(batch_norm_inference(ones({1, 1}), one, one, one, infinite).item()));
}

TEST(BatchNorm, Errors) {
  const Tensor x = ones({2, 3, 4, 4}), good = ones({3});
  EXPECT_ERROR(batch_norm_training(ones({3}), good, good), "x must be [N, C, ...], got [3]");
  EXPECT_ERROR(batch_norm_training(Tensor(), good, good), "an undefined tensor");
  EXPECT_ERROR(batch_norm_training(x, ones({4}), good), "gamma must be [3], one value per field of x [2, 3, 4, 4]");
  EXPECT_ERROR(batch_norm_training(x, good, Tensor()), "beta is undefined");
  EXPECT_ERROR(batch_norm_training(x, good, ones({3}, DType::float64)), "float64");
  EXPECT_ERROR(batch_norm_training(x, good, good, -1), "epsilon must not be negative");
  EXPECT_ERROR(batch_norm_training(x.to(DType::int64), good, good), "takes float32 or float64, got int64");
  EXPECT_ERROR(batch_norm_inference(x, good, good, good, ones({1})), "variance must be [3]");
}

}  // namespace
}  // namespace orbitgrad
