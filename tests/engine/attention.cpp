// Attention, layer, group and instance normalisation, transposed and three-dimensional convolution against PyTorch's
// values, and their derivatives.
#include "engine/ops/attention.hpp"

#include <limits>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/convolution3d.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/layer_normalization.hpp"
#include "engine/ops/reduction.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/golden_values.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

using testing::checksum;
using testing::expect_derivatives;
using testing::Inputs;
using testing::smooth_input;
using testing::wave;

constexpr double tolerance = 1e-11, infinity = std::numeric_limits<double>::infinity();

/// [rows, columns], true unless the position is a multiple of 3.
Tensor two_of_three(std::int64_t rows, std::int64_t columns) {
  std::vector<bool> values;
  for (std::int64_t i = 0; i < rows * columns; ++i) values.push_back(i % 3 != 0);
  return from_vector<bool>(values, {rows, columns});
}

TEST(Attention, IsPyTorchs) {
  const Tensor q = wave({2, 3, 4}, 1), k = wave({2, 5, 4}, 2), v = wave({2, 5, 3}, 3);
  EXPECT_NEAR(checksum(attention(q, k, v)), 14.3091401734983, tolerance);
  EXPECT_NEAR(checksum(attention(q, k, v, {.causal = true})), 23.2800155869465, tolerance);
  EXPECT_NEAR(checksum(attention(q, k, v, {.mask = wave({3, 5}, 4), .scale = 0.3})), -0.481496978614146, tolerance);
  EXPECT_NEAR(checksum(attention(q, k, v, {.mask = two_of_three(3, 5)})), 13.7584310143932, tolerance);
}

TEST(Attention, AQueryWithoutKeysGivesZeroAndNoGradient) {
  Tensor q = wave({2, 3}, 1), k = wave({2, 3}, 2), v = wave({2, 2}, 3);
  for (Tensor* x : {&q, &k, &v}) x->set_requires_grad();
  for (const Tensor& mask : {from_vector<bool>({false, false, true, true}, {2, 2}), zeros({2, 2}, DType::boolean),
                             from_vector<double>({-infinity, -infinity, 0, 0}, {2, 2})}) {
    const Tensor y = attention(q, k, v, {.mask = mask});
    EXPECT_EQ(sum(absolute(select(y, 0, 0))).item(), 0);
    for (const Tensor& gradient : grad({sum(square(y))}, {q, k, v}, {.retain_graph = true}))
      EXPECT_TRUE(std::isfinite(sum(gradient).item()));
    EXPECT_EQ(sum(absolute(select(grad({sum(y)}, {q})[0], 0, 0))).item(), 0);
  }
  EXPECT_EQ(sum(absolute(attention(q, zeros({0, 3}, DType::float64), zeros({0, 2}, DType::float64)))).item(), 0);
}

TEST(Attention, LargeScoresDoNotOverflow) {
  const Tensor q = wave({2, 3}, 1) * 1e4;
  EXPECT_TRUE(std::isfinite(checksum(attention(q, q, q, {.causal = true}))));
}

TEST(Attention, Derivatives) {
  const Inputs inputs = {smooth_input({2, 2, 3}, 1), smooth_input({1, 3, 3}, 2), smooth_input({2, 3, 2}, 3)};
  Inputs with_bias = inputs;
  with_bias.push_back(smooth_input({2, 3}, 4));
  expect_derivatives({
      {"attention", [](const Inputs& x) { return attention(x[0], x[1], x[2]); }, inputs},
      {"masked",
       [](const Inputs& x) { return attention(x[0], x[1], x[2], {.mask = two_of_three(2, 3), .causal = true}); },
       inputs},
      {"biased", [](const Inputs& x) { return attention(x[0], x[1], x[2], {.mask = x[3]}); }, with_bias},
  });
}

TEST(Attention, Errors) {
  const Tensor q = zeros({2, 3, 4}), k = zeros({2, 5, 4}), v = zeros({2, 5, 3});
  EXPECT_ERROR(attention(q, v, v), "as many features");
  EXPECT_ERROR(attention(q, k, zeros({2, 4, 3})), "as many positions");
  EXPECT_ERROR(attention(q, k, Tensor()), "undefined");
  EXPECT_ERROR(attention(q, k, v, {.mask = zeros({4, 5})}), "[4, 5]");
  EXPECT_ERROR(attention(q, k, v, {.mask = zeros({3, 5}, DType::float64)}), "float64");
  EXPECT_ERROR(attention(zeros({4}), k, v), "[..., length, features]");
  EXPECT_ERROR(attention(q, k, v.to(DType::float64)), "float64");
}

TEST(LayerNormalization, IsPyTorchs) {
  const Tensor x = wave({2, 4, 3, 2}, 5), weight = wave({4}, 6), bias = wave({4}, 7);
  EXPECT_NEAR(checksum(layer_norm(x, 2, wave({3, 2}, 1), wave({3, 2}, 2), 1e-3)), -53.9234459816804, tolerance);
  EXPECT_NEAR(checksum(group_norm(x, 2, weight, bias)), 330.466014276998, tolerance);
  EXPECT_NEAR(checksum(instance_norm(x, weight, bias)), 326.485223764352, tolerance);
  EXPECT_EQ(layer_norm(zeros({0, 3})).shape(), (Shape{0, 3}));
  EXPECT_EQ(group_norm(zeros({2, 4, 0}), 2).shape(), (Shape{2, 4, 0}));
}

TEST(LayerNormalization, Derivatives) {
  const Tensor x = smooth_input({1, 4, 3}, 1), weight = smooth_input({4}, 2), bias = smooth_input({4}, 3);
  expect_derivatives({
      {"layer_norm",
       [](const Inputs& in) { return layer_norm(in[0], 2, in[1], in[2]); },
       {x, smooth_input({4, 3}, 2), smooth_input({4, 3}, 3)}},
      {"layer_norm without scale", [](const Inputs& in) { return square(layer_norm(in[0])); }, {x}},
      {"group_norm", [](const Inputs& in) { return group_norm(in[0], 2, in[1], in[2]); }, {x, weight, bias}},
      {"instance_norm", [](const Inputs& in) { return instance_norm(in[0], in[1]); }, {x, weight}},
  });
}

TEST(LayerNormalization, Errors) {
  const Tensor x = zeros({2, 4, 3});
  EXPECT_ERROR(layer_norm(x, 0), "0 axes cannot be normalised");
  EXPECT_ERROR(layer_norm(x, 1, zeros({4})), "the weight must be [3]");
  EXPECT_ERROR(layer_norm(x, 1, {}, {}, -1), "must not be negative");
  EXPECT_ERROR(layer_norm(arange(3)), "float32 or float64");
  EXPECT_ERROR(group_norm(x, 3), "do not divide");
  EXPECT_ERROR(group_norm(x, 2, {}, zeros({3})), "the bias must be [4]");
  EXPECT_ERROR(instance_norm(zeros({4})), "[N, C, ...]");
}

TEST(ConvTranspose, IsPyTorchs) {
  const Conv2dOptions options{.stride = 2, .padding = 1, .dilation = 2, .groups = 2};
  const Tensor x = wave({2, 4, 3, 4}, 1);
  const Tensor y = conv_transpose2d(x, wave({4, 3, 2, 3}, 2), wave({6}, 3), options, 1);
  EXPECT_EQ(y.shape(), (Shape{2, 6, 6, 10}));
  EXPECT_NEAR(checksum(y), -648.197025170024, 1e-10);
  EXPECT_NEAR(checksum(conv_transpose2d(x, wave({4, 3, 3, 2}, 4))), 277.781777599305, 1e-10);
}

TEST(ConvTranspose, DerivativesAndErrors) {
  const Conv2dOptions options{.stride = 2, .padding = 1, .groups = 2};
  expect_derivatives({{"conv_transpose2d",
                       [=](const Inputs& in) { return conv_transpose2d(in[0], in[1], in[2], options, 1); },
                       {smooth_input({1, 2, 2, 3}, 1), smooth_input({2, 1, 3, 2}, 2), smooth_input({2}, 3)}}});
  const Tensor x = zeros({1, 2, 2, 2}), w = zeros({2, 3, 2, 2});
  EXPECT_ERROR(conv_transpose2d(x, zeros({3, 3, 2, 2})), "must have the 2 channels");
  EXPECT_ERROR(conv_transpose2d(x, w, {}, {}, 1), "in [0, stride)");
  EXPECT_ERROR(conv_transpose2d(x, w, zeros({2})), "the bias must be [3]");
  EXPECT_ERROR(conv_transpose2d(x, w, {}, {.padding = 2}), "Pad less");
  EXPECT_ERROR(conv_transpose2d(x, w, {}, {.padding = 1, .padding_mode = PadMode::circular}), "zeros only");
  EXPECT_ERROR(conv_transpose2d(zeros({2, 2}), w), "[N, K, H, W]");
}

TEST(Conv3d, IsPyTorchs) {
  const Tensor x = wave({2, 4, 4, 3, 5}, 1);
  const Tensor y = conv3d(x, wave({6, 2, 2, 3, 2}, 2), wave({6}, 3), {.stride = 2, .padding = 1, .groups = 2});
  EXPECT_EQ(y.shape(), (Shape{2, 6, 3, 2, 3}));
  EXPECT_NEAR(checksum(y), -77.0424989016659, 1e-10);
  EXPECT_NEAR(checksum(conv3d(x, wave({3, 4, 2, 1, 2}, 4), {}, {.padding = 2, .dilation = 3})), 459.748550668205,
              1e-10);
}

TEST(Conv3d, DerivativesAndErrors) {
  expect_derivatives(
      {{"conv3d",
        [](const Inputs& in) { return conv3d(in[0], in[1], in[2], {.padding = 1, .padding_mode = PadMode::circular}); },
        {smooth_input({1, 2, 2, 2, 2}, 1), smooth_input({1, 2, 2, 1, 2}, 2), smooth_input({1}, 3)}}});
  const Tensor x = zeros({1, 2, 3, 3, 3});
  EXPECT_ERROR(conv3d(zeros({2, 3, 3, 3}), zeros({1, 2, 2, 2, 2})), "[N, C, D, H, W]");
  EXPECT_ERROR(conv3d(x, zeros({1, 3, 2, 2, 2})), "channels");
  EXPECT_ERROR(conv3d(x, zeros({1, 2, 4, 2, 2})), "covers 4 slices");
  EXPECT_ERROR(conv3d(x, zeros({1, 2, 0, 2, 2})), "at least one tap");
}

}  // namespace
}  // namespace orbitgrad
