// Group actions on tensors, orbit averages, the Reynolds projection, the penalty and rotations.
#include "engine/ops/symmetry.hpp"

#include <numbers>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "groups/cyclic.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

using groups::Action;
using groups::lattice_group;
using groups::LatticeGroup;
using testing::expect_derivatives;
using testing::Inputs;
using testing::relative_difference;
using testing::same_bits;
using testing::smooth_input;

/// rho(h) as a dense matrix: rho(h) e_i = e_{h i}.
Tensor matrix_of(const Action& action, int h) {
  const std::int64_t n = action.points();
  std::vector<double> entries(static_cast<std::size_t>(n * n), 0.0);
  for (std::int64_t i = 0; i < n; ++i) entries[static_cast<std::size_t>(action.destination(h, i) * n + i)] = 1;
  return from_vector(entries, {n, n});
}

TEST(Act, IsThePermutationMatrix) {
  const Action action = groups::grid_action(lattice_group("p4m"), 3, 3);
  const Tensor x = smooth_input({2, 9}, 1);
  for (int h = 0; h < 8; ++h)
    EXPECT_EQ(relative_difference(act(x, action, h), matmul(x, transpose(matrix_of(action, h)))), 0);
}

TEST(Act, OnImagesAndRegularFeaturesAgreesWithTheTables) {
  for (const std::string& name : groups::lattice_group_names()) {
    const LatticeGroup group = lattice_group(name);
    const std::int64_t width = group.has_quarter_turns() ? 3 : 4;
    const Tensor image = smooth_input({2, 3, width}, 1), regular = smooth_input({2, group.order(), 3, width}, 2);
    const Action on_grid = groups::grid_action(group, 3, width);
    const Action on_regular = groups::regular_feature_action(group, 3, width);
    for (int h = 0; h < group.order(); ++h) {
      SCOPED_TRACE(fmt::format("{} {}", name, h));
      EXPECT_TRUE(same_bits<double>(flatten(act_on_image(image, group, h), 1), act(flatten(image, 1), on_grid, h)));
      EXPECT_TRUE(
          same_bits<double>(flatten(act_on_regular(regular, group, h), 1), act(flatten(regular, 1), on_regular, h)));
    }
  }
}

TEST(Act, IsAHomomorphismOnNonSquareImages) {
  const LatticeGroup group = lattice_group("p4m");
  const Tensor x = smooth_input({2, 8, 3, 5}, 1);
  for (int a = 0; a < 8; ++a)
    for (int b = 0; b < 8; ++b) {
      const int ab = group.group.product(a, b);
      EXPECT_TRUE(same_bits<double>(act_on_image(act_on_image(x, group, b), group, a), act_on_image(x, group, ab)));
      EXPECT_TRUE(
          same_bits<double>(act_on_regular(act_on_regular(x, group, b), group, a), act_on_regular(x, group, ab)));
    }
  EXPECT_EQ(act_on_image(x, group, 1).shape(), (Shape{2, 8, 5, 3}));
}

TEST(Act, QuarterTurnIsCounterClockwise) {
  const Tensor x = from_vector<float>({1, 2, 3, 4}, {2, 2});
  EXPECT_EQ(act_on_image(x, lattice_group("p4"), 1).to_vector<float>(), (std::vector<float>{2, 4, 1, 3}));
}

TEST(Act, DerivativesOfEveryOrder) {
  const LatticeGroup group = lattice_group("p4m");
  const Action action = groups::grid_action(group, 2, 2);
  for (int h = 0; h < group.order(); ++h) {
    expect_derivatives({"act", [=](const Inputs& x) { return act(x[0], action, h); }, {smooth_input({2, 4}, 1)}});
    expect_derivatives(
        {"image", [=](const Inputs& x) { return act_on_image(x[0], group, h); }, {smooth_input({2, 3, 2}, 1)}});
    expect_derivatives(
        {"regular", [=](const Inputs& x) { return act_on_regular(x[0], group, h); }, {smooth_input({8, 2, 3}, 1)}});
  }
}

TEST(OrbitMean, IsTheMeanOverTheOrbitAndInvariant) {
  const Action action = groups::regular_feature_action(lattice_group("p4"), 3, 3);
  const Tensor x = smooth_input({2, 36}, 1);
  Tensor total = zeros_like(x);
  for (int h = 0; h < 4; ++h) total = total + act(x, action, h);
  const Tensor y = orbit_mean(x, action);
  EXPECT_LE(relative_difference(y, total / 4.0), 1e-15);
  EXPECT_LE(relative_difference(orbit_mean(y, action), y), 1e-15);
  for (int h = 0; h < 4; ++h) EXPECT_LE(relative_difference(act(y, action, h), y), 1e-15);
  EXPECT_LE(relative_difference(orbit_mean(x.detach().to(DType::float32), action), y), 1e-6);
}

TEST(OrbitMean, DerivativesOfEveryOrder) {
  const Action action = groups::grid_action(lattice_group("p4"), 3, 3);
  expect_derivatives({"mean", [=](const Inputs& x) { return orbit_mean(x[0], action); }, {smooth_input({2, 9}, 1)}});
  const Action cycle = groups::left_regular_action(groups::cyclic(5));  // not its own inverse table
  expect_derivatives(
      {"square", [=](const Inputs& x) { return orbit_mean(x[0] * x[0], cycle); }, {smooth_input({3, 5}, 1)}});
}

struct Layer {
  Action out, in;
  Tensor w;
};

Layer layer(DType dtype = DType::float64) {
  const LatticeGroup group = lattice_group("p4");
  const Action in = groups::grid_action(group, 3, 3), out = groups::left_regular_action(group.group);
  Tensor w = smooth_input({4, 9}, 1).detach().to(dtype);
  return {out, in, w.set_requires_grad()};
}

TEST(Reynolds, IsTheMeanOfConjugatesAndEquivariant) {
  const auto [out, in, w] = layer();
  Tensor total = zeros_like(w);
  for (int h = 0; h < 4; ++h) total = total + matmul(transpose(matrix_of(out, h)), matmul(w, matrix_of(in, h)));
  const Tensor projection = reynolds_projection(w, out, in);
  EXPECT_LE(relative_difference(projection, total / 4.0), 1e-14);
  EXPECT_LE(relative_difference(reynolds_projection(projection, out, in), projection), 1e-14);
  for (int h = 0; h < 4; ++h)
    EXPECT_LE(relative_difference(matmul(matrix_of(out, h), projection), matmul(projection, matrix_of(in, h))), 1e-14);
}

TEST(Reynolds, DerivativesOfEveryOrder) {
  const auto [out, in, w] = layer();
  expect_derivatives({"projection", [=](const Inputs& x) { return reynolds_projection(x[0] * x[0], out, in); }, {w}});
  expect_derivatives({"penalty", [=](const Inputs& x) { return equivariance_penalty(x[0], out, in); }, {w}});
  expect_derivatives({"inside", [=](const Inputs& x) { return equivariance_penalty(x[0] * x[0], out, in); }, {w}});
}

TEST(Penalty, IsTheSquaredDistanceToTheProjection) {
  const auto [out, in, w] = layer();
  const Tensor residual = w - reynolds_projection(w, out, in);
  EXPECT_NEAR(equivariance_penalty(w, out, in).item(), sum(residual * residual).item(), 1e-12);
  EXPECT_LE(std::abs(equivariance_penalty(reynolds_projection(w, out, in), out, in).item()), 1e-28);
  const auto single = layer(DType::float32);
  const Tensor value = equivariance_penalty(single.w, out, in);
  EXPECT_EQ(value.dtype(), DType::float32);
  EXPECT_LE(relative_difference(grad({value}, {single.w})[0], residual * 2.0), 1e-6);
}

TEST(Rotation, QuarterTurnsAreTheGroup) {
  const LatticeGroup p4 = lattice_group("p4");
  const Tensor x = smooth_input({4, 2, 5, 5}, 1).detach();
  const Tensor angles = arange(4).to(DType::float64) * (std::numbers::pi / 2);
  const Tensor y = rotate_bilinear(x, angles);
  for (int r = 0; r < 4; ++r)
    EXPECT_LE(relative_difference(select(y, 0, r), act_on_image(select(x, 0, r), p4, r)), 1e-12);
}

TEST(Rotation, DerivativesOfEveryOrder) {
  const Tensor angles = from_vector<double>({0.3, -2.0});
  expect_derivatives(
      {"rotate", [=](const Inputs& x) { return rotate_bilinear(x[0], angles); }, {smooth_input({2, 1, 4, 3}, 1)}});
  expect_derivatives({"square",
                      [=](const Inputs& x) { return rotate_bilinear(x[0] * x[0], angles.to(DType::float32)); },
                      {smooth_input({2, 1, 3, 3}, 1)}});
}

TEST(Symmetry, SizeZero) {
  const LatticeGroup p4 = lattice_group("p4");
  const Action action = groups::grid_action(p4, 2, 2), nothing = groups::grid_action(p4, 0, 0);
  testing::expect_empty_gradients([&](const Inputs& x) { return act(x[0], action, 1); }, {smooth_input({0, 4}, 1)});
  testing::expect_empty_gradients([&](const Inputs& x) { return orbit_mean(x[0], action); }, {smooth_input({0, 4}, 1)});
  testing::expect_empty_gradients([&](const Inputs& x) { return orbit_mean(x[0], nothing); },
                                  {smooth_input({3, 0}, 1)});
  testing::expect_empty_gradients([&](const Inputs& x) { return act_on_regular(x[0], p4, 1); },
                                  {smooth_input({0, 4, 2, 2}, 1)});
  testing::expect_empty_gradients([&](const Inputs& x) { return act_on_image(x[0], p4, 1); },
                                  {smooth_input({2, 0, 3}, 1)});
  testing::expect_empty_gradients([&](const Inputs& x) { return reynolds_projection(x[0], action, nothing); },
                                  {smooth_input({4, 0}, 1)});
  testing::expect_empty_gradients([](const Inputs& x) { return rotate_bilinear(x[0], zeros({0})); },
                                  {smooth_input({0, 2, 3, 3}, 1)});
}

TEST(Symmetry, Errors) {
  const LatticeGroup p4 = lattice_group("p4");
  const Action action = groups::grid_action(p4, 2, 2), cycle = groups::left_regular_action(groups::cyclic(3));
  EXPECT_ERROR(act(ones({2, 5}), action, 0), "x [2, 5] must have the 4 points of the action of p4");
  EXPECT_ERROR(act(ones({2, 4}), action, 4), "[act]");
  EXPECT_ERROR(act(ones({2, 4}, DType::int64), action, 1), "takes float32 or float64, got int64");
  EXPECT_ERROR(orbit_mean(ones({}), action), "must have the 4 points");
  EXPECT_ERROR(act_on_image(ones({4}), p4, 0), "x must have at least 2 axes");
  EXPECT_ERROR(act_on_image(ones({4, 4}), p4, -1), "[act_on_image]");
  EXPECT_ERROR(act_on_regular(ones({2, 4, 4}), p4, 1), "x must be [..., |G|, H, W] with |G| = 4, got [2, 4, 4]");
  EXPECT_ERROR(reynolds_projection(ones({4, 5}), action, action), "w must be [out, in] = [4, 4]");
  EXPECT_ERROR(reynolds_projection(ones({4, 3}), action, cycle), "the actions are of different groups, p4 of order 4");
  EXPECT_ERROR(equivariance_penalty(ones({3, 4}), cycle, action),
               "[equivariance_penalty] the actions are of different");
  EXPECT_ERROR(rotate_bilinear(ones({3, 4}), ones({3})), "x must be [N, C, H, W], got [3, 4]");
  EXPECT_ERROR(rotate_bilinear(ones({2, 1, 3, 3}), ones({3})), "the angles must be [2], one per image, got [3]");
}

}  // namespace
}  // namespace orbitgrad
