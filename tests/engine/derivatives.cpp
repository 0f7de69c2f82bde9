// vjp, jvp, hvp, Jacobians and Hessians against one another, against formulas and against differences.
#include <gtest/gtest.h>

#include "engine/autograd/functional.hpp"
#include "engine/autograd/grad.hpp"
#include "engine/autograd/gradcheck.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/random.hpp"
#include "tests/engine/expect_error.hpp"

namespace orbitgrad {
namespace {

const RandomKey key{7};

Tensor random(const Shape& shape, std::uint64_t stream) {
  return normal(shape, key.split(stream), 0, 1, DType::float64);
}

/// [3, 4] and [4, 2] to [3, 2], curved in both.
Tensor curved(const std::vector<Tensor>& x) { return sin(matmul(x[0], x[1])) * exp(sum(x[1]) * 0.1); }

Tensor dot(const Tensor& a, const Tensor& b) { return sum(a * b); }

void expect_near(const Tensor& a, const Tensor& b, double tolerance = 1e-12) {
  ASSERT_EQ(a.shape(), b.shape());
  EXPECT_LE(max(absolute(a - b)).item(), tolerance);
}

TEST(Derivatives, JvpIsTheAdjointOfVjpAndTheSlopeOfTheFunction) {
  const std::vector<Tensor> x = {random({3, 4}, 0), random({4, 2}, 1)}, v = {random({3, 4}, 2), random({4, 2}, 3)};
  const Tensor u = random({3, 2}, 4);
  const Pullback back = vjp(curved, x, u);
  const Pushforward forward = jvp(curved, x, v);
  expect_near(back.output, curved(x));
  expect_near(forward.output, curved(x));
  EXPECT_NEAR(dot(u, forward.tangent).item(), (dot(back.gradients[0], v[0]) + dot(back.gradients[1], v[1])).item(),
              1e-12);
  const double step = 1e-6;
  const Tensor slope =
      (curved({x[0] + v[0] * step, x[1] + v[1] * step}) - curved({x[0] - v[0] * step, x[1] - v[1] * step})) /
      (2 * step);
  expect_near(forward.tangent, slope, 1e-8);
  EXPECT_FALSE(forward.tangent.requires_grad());
}

TEST(Derivatives, JacobianHasTheVjpsAsRowsAndTheJvpsAsColumns) {
  const std::vector<Tensor> x = {random({3, 4}, 0), random({4, 2}, 1)};
  const std::vector<Tensor> all = jacobian(curved, x);
  ASSERT_EQ(all[0].shape(), Shape({3, 2, 3, 4}));
  ASSERT_EQ(all[1].shape(), Shape({3, 2, 4, 2}));
  const Tensor u = random({3, 2}, 4);
  const std::vector<Tensor> v = {random({3, 4}, 2), random({4, 2}, 3)};
  const Pullback back = vjp(curved, x, u);
  expect_near(reshape(matmul(reshape(u, {1, 6}), reshape(all[0], {6, 12})), {3, 4}), back.gradients[0]);
  expect_near(reshape(matmul(reshape(all[0], {6, 12}), reshape(v[0], {12, 1})) +
                          matmul(reshape(all[1], {6, 8}), reshape(v[1], {8, 1})),
                      {3, 2}),
              jvp(curved, x, v).tangent);
}

TEST(Derivatives, HessianOfAQuadraticFormIsItsMatrix) {
  const Tensor a = random({5, 5}, 0), x = random({5}, 1), v = random({5}, 2);
  const TensorFunction form = [&](const std::vector<Tensor>& in) {
    return dot(in[0], reshape(matmul(a, reshape(in[0], {5, 1})), {5}));
  };
  const Tensor expected = a + transpose(a);
  expect_near(hessian(form, {x})[0][0], expected);
  expect_near(hvp(form, {x}, {v})[0], reshape(matmul(expected, reshape(v, {5, 1})), {5}));
}

TEST(Derivatives, MixedBlocksAreTransposesOfEachOther) {
  const TensorFunction f = [](const std::vector<Tensor>& in) { return sum(exp(in[0] * in[1])); };
  const auto blocks = hessian(f, {random({3}, 0), random({3}, 1)});
  expect_near(blocks[0][1], transpose(blocks[1][0]));
  EXPECT_GT(max(absolute(blocks[0][1])).item(), 0.1);
}

TEST(Derivatives, FunctionsThatDoNotDependOnAnInputGiveZeros) {
  const TensorFunction constant = [](const std::vector<Tensor>&) { return ones({2}, DType::float64); };
  const TensorFunction linear = [](const std::vector<Tensor>& in) { return sum(in[0]); };
  const Tensor x = random({3}, 0);
  expect_near(vjp(constant, {x}, random({2}, 1)).gradients[0], zeros({3}, DType::float64));
  expect_near(jvp(constant, {x}, {x}).tangent, zeros({2}, DType::float64));
  expect_near(hvp(linear, {x}, {x})[0], zeros({3}, DType::float64));
  EXPECT_EQ(jacobian([](const std::vector<Tensor>& in) { return in[0]; }, {zeros({0})})[0].shape(), Shape({0, 0}));
}

TEST(Derivatives, InputsAreIndependentEvenIfOneIsMadeOfTheOther) {
  Tensor a = random({3}, 0);
  const Tensor b = a.set_requires_grad() * 2.0;
  const TensorFunction product = [](const std::vector<Tensor>& in) { return sum(in[0] * in[1]); };
  for (const bool create_graph : {false, true}) {
    const Pullback back = vjp(product, {a, b}, {}, {.create_graph = create_graph});
    expect_near(back.gradients[0].detach(), b.detach());
    expect_near(back.gradients[1].detach(), a.detach());
  }
}

TEST(Derivatives, CreateGraphReachesInputsAndWhatTheFunctionUses) {
  Tensor weight = random({3, 3}, 0), x = random({2, 3}, 1), v = random({2, 3}, 2);
  weight.set_requires_grad();
  x.set_requires_grad();
  const auto penalty = [&](const std::vector<Tensor>& in) {  // a penalty on the Jacobian of a layer
    const TensorFunction layer = [&](const std::vector<Tensor>& y) { return sin(matmul(y[0], in[0])); };
    return sum(square(jvp(layer, {in[1]}, {v}, {.create_graph = true}).tangent));
  };
  EXPECT_TRUE(gradcheck(penalty, {weight, x}));
  const auto curvature = [&](const std::vector<Tensor>& in) {
    const TensorFunction value = [&](const std::vector<Tensor>& y) { return sum(sin(matmul(y[0], in[0]))); };
    return sum(square(hvp(value, {in[1]}, {v}, {.create_graph = true})[0]));
  };
  EXPECT_TRUE(gradcheck(curvature, {weight, x}));
  const auto all = [&](const std::vector<Tensor>& in) {
    return sum(sin(jacobian(curved, {in[0], in[1]}, {.create_graph = true})[0]));
  };
  Tensor p = random({2, 2}, 3), q = random({2, 1}, 4);
  EXPECT_TRUE(gradcheck(all, {p.set_requires_grad(), q.set_requires_grad()}));
}

TEST(Derivatives, JacobiansOfMoreRowsThanAnOpHasInputs) {
  Tensor x = random({70}, 0);
  x.set_requires_grad();
  const TensorFunction squares = [](const std::vector<Tensor>& in) { return square(in[0]); };
  const Tensor j = jacobian(squares, {x}, {.create_graph = true})[0];
  expect_near(j.detach(), identity(70, DType::float64) * (x.detach() * 2.0));
  expect_near(grad({sum(j)}, {x})[0], full({70}, 2, DType::float64));
}

TEST(Derivatives, WrongArgumentsAreErrors) {
  const TensorFunction identity_of = [](const std::vector<Tensor>& in) { return in[0]; };
  const Tensor x = random({3}, 0);
  EXPECT_ERROR(vjp({}, {x}), "function is empty");
  EXPECT_ERROR(vjp(identity_of, {}), "no inputs");
  EXPECT_ERROR(vjp(identity_of, {x}), "more than one element");
  EXPECT_ERROR(vjp(identity_of, {x}, random({4}, 1)), "must agree");
  EXPECT_ERROR(vjp(identity_of, {arange(3)}), "Only floating tensors");
  EXPECT_ERROR(jvp(identity_of, {x}, {}), "0 tangents for 1 inputs");
  EXPECT_ERROR(jvp(identity_of, {x}, {random({2}, 1)}), "must agree");
  EXPECT_ERROR(hvp(identity_of, {x}, {x}), "Reduce it to one element");
  EXPECT_ERROR(hessian(identity_of, {x}), "Reduce it to one element");
}

}  // namespace
}  // namespace orbitgrad
