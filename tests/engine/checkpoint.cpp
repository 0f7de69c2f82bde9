// Activation checkpointing: the same bits as without it, less memory, derivatives of every order.
#include "engine/autograd/checkpoint.hpp"

#include <gtest/gtest.h>

#include "engine/allocator.hpp"
#include "engine/autograd/grad.hpp"
#include "engine/autograd/gradcheck.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/random.hpp"
#include "engine/update.hpp"
#include "tests/engine/expect_error.hpp"

namespace orbitgrad {
namespace {

const RandomKey key{11};

Tensor leaf(const Shape& shape, std::uint64_t stream, DType dtype = DType::float32) {
  Tensor x = normal(shape, key.split(stream), 0, 1, dtype);
  return x.set_requires_grad();
}

TEST(Checkpoint, SameBitsAsWithoutItAlsoWithDropout) {
  const Tensor x = leaf({16, 8}, 0), w = leaf({8, 8}, 1);
  const TensorFunction block = [&](const std::vector<Tensor>& in) {
    return dropout(tanh(matmul(in[0], w)), 0.5, key.split("dropout"));
  };
  const auto gradients_of = [&](const Tensor& y) { return grad({sum(y * y)}, {x, w}); };
  const auto plain = gradients_of(block({block({x})}));
  const auto saved = gradients_of(checkpoint(block, {checkpoint(block, {x})}));
  for (std::size_t i = 0; i < plain.size(); ++i)
    EXPECT_EQ(plain[i].to_vector<float>(), saved[i].to_vector<float>()) << i;
}

TEST(Checkpoint, KeepsOnlyTheInputs) {
  const Tensor x = leaf({64, 64}, 0);
  const DeviceKind device = x.device();
  if (device != DeviceKind::cpu) GTEST_SKIP() << "counts host memory";
  const TensorFunction chain = [](const std::vector<Tensor>& in) {
    Tensor y = in[0];
    for (int i = 0; i < 20; ++i) y = sin(y);
    return y;
  };
  const auto kept_by = [&](const auto& make) {
    const std::int64_t before = CachingAllocator::host().statistics().live_bytes;
    const Tensor y = make();
    return CachingAllocator::host().statistics().live_bytes - before;
  };
  const std::int64_t one = x.numel() * 4;
  EXPECT_GE(kept_by([&] { return chain({x}); }), 20 * one);
  EXPECT_EQ(kept_by([&] { return checkpoint(chain, {x}); }), one);
}

TEST(Checkpoint, DerivativesOfEveryOrder) {
  const Tensor x = leaf({3, 2}, 0, DType::float64), w = leaf({2, 2}, 1, DType::float64);
  const TensorFunction g = [](const std::vector<Tensor>& in) {
    const Tensor outside = in[1] * in[1];  // used by the function without being passed
    return checkpoint(
        [outside, w = in[1]](const std::vector<Tensor>& y) { return sin(matmul(y[0], outside)) + matmul(y[0], w); },
        {in[0] * in[0]});
  };
  EXPECT_TRUE(gradcheck(g, {x, w}));
  EXPECT_TRUE(gradgradcheck(g, {x, w}));
}

TEST(Checkpoint, InputsThatAreOneTensorOrDependOnEachOther) {
  const Tensor x = leaf({4}, 0, DType::float64);
  const TensorFunction product = [](const std::vector<Tensor>& in) { return in[0] * in[1] * in[0]; };
  const TensorFunction twice = [&](const std::vector<Tensor>& in) { return checkpoint(product, {in[0], in[0]}); };
  const TensorFunction chained = [&](const std::vector<Tensor>& in) {
    return checkpoint(product, {in[0], sin(in[0])});
  };
  EXPECT_TRUE(gradgradcheck(twice, {x}));
  EXPECT_TRUE(gradcheck(chained, {x}));
  EXPECT_TRUE(gradgradcheck(chained, {x}));
}

TEST(Checkpoint, RunsTwiceAndSaysSo) {
  const Tensor x = leaf({4}, 0);
  int runs = 0, again = 0;
  const Tensor y = checkpoint(
      [&](const std::vector<Tensor>& in) {
        ++runs;
        again += is_recomputing() ? 1 : 0;
        return in[0] * in[0];
      },
      {x});
  sum(y).backward();
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(again, 1);
  EXPECT_FALSE(is_recomputing());
}

TEST(Checkpoint, WithoutGradientsItIsACall) {
  const Tensor x = normal({4}, key), w = leaf({4}, 1);
  const TensorFunction f = [](const std::vector<Tensor>& in) { return in[0] * 2.0; };
  EXPECT_FALSE(checkpoint(f, {x}).requires_grad());
  const NoGrad no_grad;
  EXPECT_FALSE(checkpoint(f, {w}).requires_grad());
}

TEST(Checkpoint, OtherValuesTheSecondTimeAreErrors) {
  const Tensor x = leaf({4}, 0);
  Tensor w = leaf({4}, 1);
  const Tensor y = checkpoint([&](const std::vector<Tensor>& in) { return in[0] * w; }, {x});
  assign(w, ones({4}));
  EXPECT_ERROR(sum(y).backward(), "other values the second time");
  std::uint64_t calls = 0;
  const Tensor z =
      checkpoint([&](const std::vector<Tensor>& in) { return in[0] * normal({4}, key.split(++calls)); }, {x});
  EXPECT_ERROR(sum(z).backward(), "explicit random keys");
  EXPECT_ERROR(checkpoint({}, {x}), "function is empty");
  EXPECT_ERROR(checkpoint([](const std::vector<Tensor>&) { return Tensor(); }, {x}), "undefined");
  EXPECT_ERROR(checkpoint([](const std::vector<Tensor>& in) { return in[0]; }, {Tensor()}), "undefined");
  const Tensor used = checkpoint([](const std::vector<Tensor>& in) { return in[0] * in[0]; }, {x});
  sum(used).backward();
  EXPECT_ERROR(sum(used).backward(), "already used and freed");
}

}  // namespace
}  // namespace orbitgrad
