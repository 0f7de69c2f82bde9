// Relaxed convolution against its formula, its equivariant case, its penalties; residual pathway priors.
#include <cmath>

#include "engine/autograd/gradcheck.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "models/baselines/relaxed_convolution.hpp"
#include "models/baselines/residual_pathway.hpp"
#include "nn/equivariant_linear.hpp"
#include "tests/models/baselines_support.hpp"

namespace orbitgrad::models {
namespace {

using namespace testing_support;

Tensor random(const Shape& shape, std::uint64_t stream) {
  return normal(shape, baseline_key.split(stream), 0, 1, DType::float64);
}

class RelaxedOf : public EveryLatticeGroup {
 protected:
  std::int64_t order() const { return group_.order(); }
  bool is_regular_exact(const TensorMap& f, const Tensor& x) const {
    return nn::check_equivariance(f, x, group_, Representation::regular, Representation::regular).is_exact();
  }
  double regular_error(const TensorMap& f, const Tensor& x) const {
    return nn::check_equivariance(f, x, group_, Representation::regular, Representation::regular).max_relative_error();
  }
  GroupConv2dOptions padded_{.padding = 1, .implementation = "orbit_gather"};
};
INSTANTIATE_TEST_SUITE_P(Baselines, RelaxedOf, every_lattice_group, group_name);

// Tap by tap: y[k, s, o] = sum_{c, t, u} xpad[c, t, o + u - 1] sum_l w_l(t, position) psi_l[k, c, s^-1 t, s^-1 u].
TEST_P(RelaxedOf, IsItsFormula) {
  const std::int64_t kernels = 2, out = 2, in = 2, size = 4;
  const Tensor x = random({1, in, order(), size, size}, 1), psi = random({kernels, out, in, order(), 3, 3}, 2);
  const Tensor w = random({kernels, order(), size, size}, 3), bias = random({out}, 4);
  const Tensor over_input = relaxed_group_conv2d(x, psi, w, bias, group_, padded_, RelaxedOver::input);
  const Tensor over_output = relaxed_group_conv2d(x, psi, w, bias, group_, padded_, RelaxedOver::output);
  const auto X = x.to_vector<double>(), P = psi.to_vector<double>(), W = w.to_vector<double>(),
             B = bias.to_vector<double>();
  const auto I = over_input.to_vector<double>(), O = over_output.to_vector<double>();
  const auto at = [&](std::int64_t l, std::int64_t t, std::int64_t r, std::int64_t c) {
    return W[static_cast<std::size_t>(((l * order() + t) * size + r) * size + c)];
  };
  for (std::int64_t k = 0; k < out; ++k)
    for (int s = 0; s < order(); ++s)
      for (std::int64_t row = 0; row < size; ++row)
        for (std::int64_t column = 0; column < size; ++column) {
          double of_input = B[static_cast<std::size_t>(k)], of_output = of_input;
          const int back = group_.group.inverse(s);
          const auto& m = group_.matrices[static_cast<std::size_t>(back)];
          for (std::int64_t c = 0; c < in; ++c)
            for (int t = 0; t < order(); ++t)
              for (int u = -1; u <= 1; ++u)
                for (int v = -1; v <= 1; ++v) {
                  const std::int64_t i = row + u, j = column + v;
                  if (i < 0 || j < 0 || i >= size || j >= size) continue;
                  const double value = X[static_cast<std::size_t>(((c * order() + t) * size + i) * size + j)];
                  const std::int64_t a = m[0] * u + m[1] * v + 1, b = m[2] * u + m[3] * v + 1;
                  const std::int64_t element = group_.group.product(back, t);
                  for (std::int64_t l = 0; l < kernels; ++l) {
                    const double tap =
                        P[static_cast<std::size_t>(((((l * out + k) * in + c) * order() + element) * 3 + a) * 3 + b)];
                    of_input += value * at(l, t, i, j) * tap;
                    of_output += value * at(l, s, row, column) * tap;
                  }
                }
          const auto where = static_cast<std::size_t>(((k * order() + s) * size + row) * size + column);
          ASSERT_NEAR(I[where], of_input, 1e-11);
          ASSERT_NEAR(O[where], of_output, 1e-11);
        }
}

TEST_P(RelaxedOf, WithConstantWeightsIsTheGroupConvolution) {
  const Tensor x = random({2, 3, order(), 6, 6}, 1), psi = random({3, 2, 3, order(), 3, 3}, 2);
  const Tensor image = random({2, 3, 6, 6}, 1), lift_psi = random({3, 2, 3, 3, 3}, 2), bias = random({2}, 3);
  const Tensor mixture = random({3, 1}, 4), w = broadcast_to(mixture, {3, order()});
  const auto mixed = [&](const Tensor& kernels) {
    Shape column{3};
    for (int axis = 1; axis < kernels.rank(); ++axis) column.push_back(1);
    return sum(kernels * reshape(mixture, column), {0});
  };
  for (const RelaxedOver over : {RelaxedOver::input, RelaxedOver::output}) {
    const TensorMap f = [&](const Tensor& z) { return relaxed_group_conv2d(z, psi, w, bias, group_, padded_, over); };
    expect_near(f(x), group_conv2d(x, mixed(psi), bias, group_, padded_), 1e-12);
    EXPECT_TRUE(is_regular_exact(f, x));
  }
  const TensorMap lift = [&](const Tensor& z) { return relaxed_lift_conv2d(z, lift_psi, w, bias, group_, padded_); };
  expect_near(lift(image), lift_conv2d(image, mixed(lift_psi), bias, group_, padded_), 1e-12);
  EXPECT_TRUE(is_exact(lift, image, Representation::regular));
}

TEST_P(RelaxedOf, WithOtherWeightsBreaksTheSymmetryByAsMuch) {
  if (order() == 1) return;
  const Tensor x = random({2, 3, order(), 6, 6}, 1), psi = random({2, 2, 3, order(), 3, 3}, 2);
  for (const RelaxedOver over : {RelaxedOver::input, RelaxedOver::output}) {
    const auto broken_by = [&](double amount) {
      const Tensor w = random({2, order()}, 5) * amount + 1.0;
      return regular_error([&](const Tensor& z) { return relaxed_group_conv2d(z, psi, w, {}, group_, padded_, over); },
                           x);
    };
    EXPECT_GT(broken_by(1e-2), 1e-4);
    EXPECT_NEAR(broken_by(1e-4) / broken_by(1e-5), 10, 0.5);
  }
}

TEST_P(RelaxedOf, LayersStartEquivariantAndLearnTheirWeights) {
  const RelaxedOptions wide{.kernels = 3, .dtype = DType::float64};
  RelaxedGroupConv2d lift(group_, true, 1, 2, 3, baseline_key, padded_, wide);
  RelaxedGroupConv2d layer(group_, false, 2, 2, 3, baseline_key.split(1), padded_, wide);
  const Tensor x = images(2, 6);
  const TensorMap f = [&](const Tensor& z) { return layer(lift(z)); };
  EXPECT_TRUE(is_exact(f, x, Representation::regular));
  EXPECT_EQ(lift.penalty().item() + layer.penalty().item(), 0);
  EXPECT_EQ(layer.parameter_count(), 3 * 2 * 2 * order() * 9 + 3 * order() + 2);
  const Tensor y = f(x);
  sum(y * y).backward();
  for (const auto* module : {&lift, &layer})
    for (const auto& [name, value] : module->named_parameters())
      EXPECT_GT(max(absolute(value.grad())).item(), 0) << name;
}

TEST_P(RelaxedOf, RoughnessVanishesForConstantsOnly) {
  const Tensor w = random({2, order(), 3, 3}, 1);
  EXPECT_EQ(group_roughness(mean(w, {1}, true) * ones({1, order(), 1, 1}, DType::float64), group_).item(), 0);
  if (order() == 1) return;
  for (int t = 0; t < order(); ++t) {  // the generators join every element to another
    const Tensor one = unsqueeze(one_hot(full({}, t, DType::int64), order(), DType::float64), 0);
    EXPECT_GT(group_roughness(one, group_).item(), 0);
  }
  EXPECT_TRUE(gradcheck([&](const auto& in) { return group_roughness(in[0], group_); },
                        {random({2, order()}, 2).set_requires_grad()}));
}

TEST(Relaxed, ConvolutionPerPixelIsItsFormula) {
  const Tensor x = random({2, 2, 5, 6}, 1), psi = random({3, 4, 2, 3, 3}, 2), bias = random({4}, 3);
  const Tensor w = random({3, 5, 6}, 4);
  const Conv2dOptions padded{.padding = 1};
  Tensor over_input = zeros({2, 4, 5, 6}, DType::float64), over_output = over_input;
  for (int l = 0; l < 3; ++l) {
    const Tensor weight = select(w, 0, l), kernel = select(psi, 0, l);
    over_input = over_input + conv2d(x * weight, kernel, {}, padded);
    over_output = over_output + conv2d(x, kernel, {}, padded) * weight;
  }
  const Tensor b = reshape(bias, {4, 1, 1});
  expect_near(relaxed_conv2d(x, psi, w, bias, padded, RelaxedOver::input), over_input + b, 1e-12);
  expect_near(relaxed_conv2d(x, psi, w, bias, padded, RelaxedOver::output), over_output + b, 1e-12);
}

TEST(Relaxed, CoarseGridsStartAsConvolutions) {
  const Tensor x = random({2, 2, 8, 8}, 1);
  for (const RelaxedOver over : {RelaxedOver::input, RelaxedOver::output}) {
    RelaxedConv2d layer(2, 3, 3, 4, 4, baseline_key, {}, {.over = over, .dtype = DType::float64});
    const Tensor kernel = mean(layer.parameters()[0], {0});
    expect_near(layer(x), conv2d(x, kernel), 1e-12);
    EXPECT_EQ(layer.penalty().item(), 0);
    const Tensor bound = max(absolute(layer.parameters()[0]));
    EXPECT_LE(bound.item(), 1 / std::sqrt(18.0));
    EXPECT_GT(bound.item(), 0.8 / std::sqrt(18.0));
  }
}

TEST(Relaxed, PixelRoughnessIsTheMeanOfNeighbours) {
  const Tensor w = from_vector<double>({0, 1, 3, 6}, {1, 2, 2});
  EXPECT_DOUBLE_EQ(pixel_roughness(w).item(), (3.0 + 5 + 1 + 3) / 4);
  EXPECT_EQ(pixel_roughness(ones({2, 1, 1})).item(), 0);
}

TEST(Relaxed, RefusesWhatDoesNotFit) {
  const auto p4 = groups::lattice_group("p4");
  const Tensor x = random({1, 2, 4, 5, 5}, 1), psi = random({2, 3, 2, 4, 3, 3}, 2);
  expect_error([&] { relaxed_group_conv2d(x, psi, random({2, 3}, 3), {}, p4); }, {"[relaxed_group_conv2d]", "[2, 3]"});
  expect_error(
      [&] {
        relaxed_group_conv2d(x, psi, random({3, 4}, 3), {}, p4);
      },
      {"[relaxed_group_conv2d]", "[3, 4]", "w is [L, ...]"});
  expect_error([&] { relaxed_group_conv2d(x, psi, random({2, 4, 4, 4}, 3), {}, p4); }, {"[2, 4, 4, 4]"});
  expect_error([&] { relaxed_group_conv2d(x, psi, random({2, 4}, 3), {}, p4, {.groups = 2}); }, {"groups, got 2"});
  expect_error([&] { relaxed_group_conv2d(x, psi, random({2, 4}, 3), {}, p4, {.relu = true}); }, {"Apply relu()"});
  const Tensor pixel = random({1, 2, 1, 1}, 1);
  expect_error(
      [&] {
        relaxed_conv2d(pixel, random({2, 3, 1, 1, 1}, 2), random({2, 1, 1}, 4), {});
      },
      {"[relaxed_conv2d]", "[2, 3, 1, 1, 1]", "[L, K, C, ...]"});
  expect_error(
      [&] {
        relaxed_conv2d(pixel, random({2, 3, 2, 1, 1}, 2), random({2, 4, 4}, 3), {});
      },
      {"[relaxed_conv2d]", "[2, 4, 4]"});
  expect_error(
      [&] {
        relaxed_conv2d(pixel, random({2, 3, 2, 1, 1}, 2), random({2, 4, 4}, 3), {}, {}, RelaxedOver::output);
      },
      {"[relaxed_conv2d]", "[1, 6, 1, 1]"});
  expect_error(
      [&] {
        relaxed_group_conv2d(x, psi, ones({2, 4}, DType::float64), random({1}, 3), p4, {}, RelaxedOver::output);
      },
      {"bias is [1]"});
  RelaxedConv2d unpadded(1, 1, 3, 4, 4, baseline_key, {.stride = 0}, {.over = RelaxedOver::output});
  expect_error([&] { unpadded(zeros({1, 1, 5, 5})); }, {"[RelaxedConv2d]", "stride 0"});
  expect_error([&] { RelaxedGroupConv2d(p4, false, 1, 1, 3, baseline_key, {}, {.kernels = 0}); }, {"got 0"});
  expect_error([&] { RelaxedConv2d(1, 1, 3, 0, 4, baseline_key); }, {"0 x 4"});
}

class ResidualPathwayOf : public EveryLatticeGroup {};
INSTANTIATE_TEST_SUITE_P(Baselines, ResidualPathwayOf, every_lattice_group, group_name);

TEST_P(ResidualPathwayOf, StartsEquivariantAndCanLeave) {
  const auto lift = std::make_shared<nn::LiftConv2d>(group_, 1, 2, 3, baseline_key,
                                                     GroupConv2dOptions{.padding = 1, .implementation = "orbit_gather"},
                                                     nn::LayerOptions{.dtype = DType::float64});
  const std::int64_t out = 2 * group_.order() * 25;
  ResidualPathway layer(lift, 25, out, DType::float64);
  const Tensor x = images(3);
  EXPECT_TRUE(same_bits(layer(x), (*lift)(x)));
  EXPECT_TRUE(is_exact([&](const Tensor& z) { return layer(z); }, x, Representation::regular));
  sum(layer(x) * layer(x)).backward();
  EXPECT_GT(max(absolute(layer.residual().parameters()[0].grad())).item(), 0);

  nn::State state = snapshot(layer.state());
  state.at("residual.weight") = random({out, 25}, 1) * 0.1;
  layer.load_state(state);
  const Tensor dense =
      reshape(matmul(reshape(x, {3, 25}), transpose(state.at("residual.weight"))), {3, 2, group_.order(), 5, 5});
  expect_near(layer(x), (*lift)(x) + dense, 1e-13);
  if (group_.order() > 1) {
    EXPECT_GT(error([&](const Tensor& z) { return layer(z); }, x, Representation::regular), 0.01);
  }
}

TEST(ResidualPathway, PenaltyIsTheNegativeLogPriorAndItsGradientTheDecay) {
  const auto equivariant = models::mlp(6, {}, 4, baseline_key, DType::float64);
  ResidualPathway layer(equivariant, 6, 4, DType::float64);
  nn::State state = snapshot(layer.state());
  state.at("residual.weight") = random({4, 6}, 1);
  layer.load_state(state);
  const ResidualPathwayPrior prior{.equivariant_precision = 0.02, .residual_precision = 5};
  double expected = 0;
  for (const auto& [name, value] : layer.named_parameters()) {
    const double precision = name.starts_with("residual") ? 5 : 0.02;
    expected += precision / 2 * sum(value * value).item();
  }
  const Tensor penalty = layer.penalty(prior);
  EXPECT_NEAR(penalty.item(), expected, 1e-12);
  penalty.backward();
  for (const auto& [name, value] : layer.named_parameters())
    expect_near(value.grad(), value.detach() * (name.starts_with("residual") ? 5.0 : 0.02), 1e-14);
}

TEST(ResidualPathway, RefusesWhatDoesNotFit) {
  ResidualPathway layer(plain_network(25, 4), 25, 5, DType::float64);
  expect_error([&] { layer(images(2)); }, {"[ResidualPathway]", "[2, 4]", "[2, 5]"});
  ResidualPathway narrow(plain_network(25, 4), 24, 4, DType::float64);
  expect_error([&] { narrow(images(2)); }, {"24"});
  expect_error([&] { static_cast<void>(layer.penalty({.residual_precision = -1})); }, {"-1"});
  ResidualPathway weightless(std::make_shared<nn::Flatten>(), 25, 25, DType::float64);
  EXPECT_EQ(weightless.penalty().item(), 0);
}

}  // namespace
}  // namespace orbitgrad::models
