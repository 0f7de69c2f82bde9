// The graph: what is computed, kept, freed and refused.
#include <gtest/gtest.h>

#include "engine/allocator.hpp"
#include "engine/autograd/grad.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/update.hpp"
#include "tests/engine/expect_error.hpp"

namespace orbitgrad {
namespace {

Tensor leaf(double value) {
  Tensor x = full({}, value, DType::float64);
  return x.set_requires_grad();
}

TEST(Autograd, NthDerivativeOfAPower) {
  const Tensor x = leaf(2);
  Tensor y = power(x, 5);
  double expected = 32, exponent = 5;
  for (int order = 1; order <= 5; ++order) {
    y = grad({y}, {x}, {.create_graph = true})[0];
    expected *= exponent-- / 2;
    EXPECT_NEAR(y.item(), expected, 1e-9 * expected) << "order " << order;
  }
}

TEST(Autograd, OnlyAskedForGradientsAreComputed) {
  const Tensor a = leaf(3), b = leaf(4);
  const Tensor c = a * b;
  const Tensor d = c * c;
  const auto gradients = grad({d}, {c}, {.retain_graph = true});
  EXPECT_EQ(gradients[0].item(), 24);
  EXPECT_FALSE(a.grad().defined());
  EXPECT_EQ(grad({d}, {b})[0].item(), 72);
}

TEST(Autograd, BackwardAddsToLeaves) {
  const Tensor a = leaf(3), b = leaf(4);
  (a * b + a).backward();
  (a * b).backward();
  EXPECT_EQ(a.grad().item(), 9);
  EXPECT_EQ(b.grad().item(), 6);
  std::vector<Tensor> leaves = {a, b};
  clear_gradients(leaves);
  EXPECT_FALSE(a.grad().defined());
}

TEST(Autograd, BackwardTwiceIsAnError) {
  const Tensor a = leaf(3);
  const Tensor y = a * a;
  y.backward();
  EXPECT_ERROR(y.backward(), "retain_graph");
  const Tensor z = a * a;
  backward(z, {.retain_graph = true});
  backward(z);
  EXPECT_EQ(a.grad().item(), 18);
}

TEST(Autograd, AGradientFreesOnlyWhatItRan) {
  const Tensor a = leaf(2), b = leaf(3);
  const Tensor u = a * a, v = b * b;
  EXPECT_EQ(grad({u + v}, {a})[0].item(), 4);
  EXPECT_EQ(grad({v}, {b})[0].item(), 6);
  EXPECT_ERROR(grad({u}, {a}), "retain_graph");
}

TEST(Autograd, AStaleValueIsAnError) {
  Tensor a = leaf(3);
  const Tensor y = a * a;
  assign(a, full({}, 5, DType::float64));
  EXPECT_ERROR(y.backward(), "changed in place");
  // add keeps nothing, so the same update is harmless there.
  const Tensor z = a + a;
  assign(a, full({}, 6, DType::float64));
  z.backward();
  EXPECT_EQ(a.grad().item(), 2);
}

TEST(Autograd, SavedOutputsDoNotKeepTheirNodeAlive) {
  if (default_device() != DeviceKind::cpu) GTEST_SKIP() << "about host memory";
  const auto before = CachingAllocator::host().statistics().live_bytes;
  {
    const Tensor a = leaf(3);
    const Tensor y = tanh(exp(sigmoid(a)));
    EXPECT_TRUE(y.requires_grad());
  }
  EXPECT_EQ(CachingAllocator::host().statistics().live_bytes, before);
}

TEST(Autograd, SavedTensorsGoWhenTheirNodeHasRun) {
  if (default_device() != DeviceKind::cpu) GTEST_SKIP() << "about host memory";
  Tensor x = full({1 << 16}, 1, DType::float32);
  x.set_requires_grad();
  Tensor loss;
  std::int64_t with_graph = 0;
  {
    Tensor y = x;
    for (int i = 0; i < 10; ++i) y = sin(y);
    loss = sum(y);
  }
  with_graph = CachingAllocator::host().statistics().live_bytes;
  loss.backward();
  EXPECT_LE(CachingAllocator::host().statistics().live_bytes, with_graph - 8 * (1 << 18));
}

TEST(Autograd, AChainOfAMillionNodesIsDestroyed) {
  if (default_device() != DeviceKind::cpu) GTEST_SKIP() << "about nodes; a million launches would take long";
  Tensor y = leaf(1);
  for (int i = 0; i < 1'000'000; ++i) y = negate(y);
  EXPECT_EQ(y.item(), 1);
  y = Tensor();
}

TEST(Autograd, NoGradRecordsNothing) {
  const Tensor a = leaf(3);
  {
    const NoGrad no_grad;
    EXPECT_FALSE((a * a).requires_grad());
    const EnableGrad enable;
    EXPECT_TRUE((a * a).requires_grad());
  }
  EXPECT_TRUE((a * a).requires_grad());
  EXPECT_FALSE(a.detach().requires_grad());
}

TEST(Autograd, TheGraphCanBeInspected) {
  const Tensor a = leaf(3);
  const Tensor y = exp(a * a);
  const Node& node = *y.body().node;
  EXPECT_EQ(node.name(), "exp");
  EXPECT_EQ(node.producer(0)->name(), "multiply");
  EXPECT_TRUE(node.producer(0)->producer(1)->is_leaf());
  EXPECT_TRUE(node.saves().output);
}

TEST(Autograd, BadCallsNameTheRemedy) {
  const Tensor a = leaf(3), unused = leaf(1);
  Tensor matrix = zeros({2, 2}, DType::float64);
  EXPECT_ERROR(grad({matrix}, {a}), "set_requires_grad");
  EXPECT_ERROR(grad({a * a}, {unused}), "allow_unused");
  EXPECT_FALSE(grad({a * a}, {unused}, {.allow_unused = true})[0].defined());
  EXPECT_ERROR(grad({}, {a}), "no outputs");
  matrix.set_requires_grad();
  EXPECT_ERROR(backward(matrix * matrix), "output_gradients");
  EXPECT_ERROR(backward(matrix * matrix, {.output_gradients = {zeros({3}, DType::float64)}}), "must agree");
  EXPECT_ERROR(zeros({2}, DType::int64).set_requires_grad(), "only floating");
  Tensor result = a * a;
  EXPECT_ERROR(result.set_requires_grad(false), "detach");
  EXPECT_ERROR(Tensor().shape(), "undefined");
}

}  // namespace
}  // namespace orbitgrad
