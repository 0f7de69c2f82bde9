// Random tensors: reproducible, in range, of the right moments; dropout and its derivatives.
#include "engine/random.hpp"

#include <set>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/reduction.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

using testing::expect_derivatives;
using testing::Inputs;
using testing::relative_difference;
using testing::same_bits;
using testing::smooth_input;

TEST(RandomKey, SplitsAreDistinctAndReproducible) {
  std::set<std::uint64_t> keys;
  const RandomKey root{7};
  for (std::uint64_t i = 0; i < 1000; ++i) keys.insert(root.split(i).value);
  for (const char* name : {"", "a", "b", "ab", "ba", "dropout", "weights"}) keys.insert(root.split(name).value);
  keys.insert(root.split("a").split("b").value);
  EXPECT_EQ(keys.size(), 1008u);
  EXPECT_EQ(root.split("weights").value, RandomKey{7}.split("weights").value);
  EXPECT_NE(root.split("weights").value, RandomKey{8}.split("weights").value);
}

TEST(Random, TheSameKeyGivesTheSameBits) {
  const RandomKey key{3};
  EXPECT_TRUE(same_bits(uniform({10007}, key), uniform({10007}, key)));
  EXPECT_TRUE(same_bits(normal({10007}, key), normal({10007}, key)));
  EXPECT_FALSE(same_bits(normal({100}, key), normal({100}, RandomKey{4})));
  EXPECT_EQ(random_permutation(100, key).to_vector<std::int64_t>(),
            random_permutation(100, key).to_vector<std::int64_t>());
}

TEST(Random, UniformStaysInRangeWithTheRightMoments) {
  for (const DType dtype : {DType::float32, DType::float64}) {
    const Tensor x = uniform({100, 1000}, RandomKey{1}, -2, 4, dtype);
    EXPECT_EQ(x.dtype(), dtype);
    EXPECT_GE(min(x).item(), -2);
    EXPECT_LT(max(x).item(), 4);
    EXPECT_NEAR(mean(x).item(), 1, 0.03);
    EXPECT_NEAR(variance(x).item(), 3, 0.03);
  }
}

TEST(Random, UniformNeverRoundsUpToTheUpperBound) {
  // In float32 only 1 and the number below 1 + 2^-23 are left: half of the draws would round up to the bound.
  const double high = 1 + 0x1p-23;
  EXPECT_LT(max(uniform({1000}, RandomKey{1}, 1, high)).item(), high);
  EXPECT_EQ(max(uniform({10}, RandomKey{1}, 2, 2)).item(), 2);
}

TEST(Random, NormalMoments) {
  for (const DType dtype : {DType::float32, DType::float64}) {
    const Tensor x = normal({100000}, RandomKey{2}, 5, 2, dtype);
    EXPECT_NEAR(mean(x).item(), 5, 0.03);
    EXPECT_NEAR(variance(x).item(), 4, 0.1);
  }
}

TEST(Random, BernoulliFrequencies) {
  for (const double probability : {0.0, 0.25, 1.0}) {
    const Tensor x = bernoulli({10000}, RandomKey{3}, probability);
    EXPECT_EQ(x.dtype(), DType::boolean);
    EXPECT_NEAR(sum(x).item() / 10000, probability, probability == 0.25 ? 0.02 : 0);
  }
}

TEST(Random, IntegersCoverTheirRange) {
  const auto values = random_integers({1000}, RandomKey{4}, 7).to_vector<std::int64_t>();
  EXPECT_EQ(std::set<std::int64_t>(values.begin(), values.end()), (std::set<std::int64_t>{0, 1, 2, 3, 4, 5, 6}));
}

TEST(Random, PermutationHoldsEachNumberOnce) {
  for (const std::int64_t count : {0, 1, 2, 100}) {
    const auto values = random_permutation(count, RandomKey{5}).to_vector<std::int64_t>();
    const std::set<std::int64_t> distinct(values.begin(), values.end());
    EXPECT_EQ(static_cast<std::int64_t>(distinct.size()), count);
    if (count > 0) {
      EXPECT_EQ(*distinct.rbegin(), count - 1);
    }
  }
}

TEST(Dropout, ScalesWhatItKeeps) {
  const Tensor y = dropout(ones({100000}), 0.2, RandomKey{6});
  double kept = 0;
  for (const float value : y.to_vector<float>()) {
    EXPECT_TRUE(value == 0 || value == 1.25f);
    kept += value != 0;
  }
  EXPECT_NEAR(kept / 100000, 0.8, 0.01);
  EXPECT_EQ(max(dropout(ones({10}), 1, RandomKey{6})).item(), 0);
  EXPECT_TRUE(same_bits(dropout(ones({10}), 0, RandomKey{6}), ones({10})));
}

TEST(Dropout, DerivativesOfEveryOrder) {
  expect_derivatives(
      {"dropout", [](const Inputs& x) { return dropout(x[0] * x[0], 0.4, RandomKey{6}); }, {smooth_input({3, 5}, 1)}});
  Tensor x = ones({50});
  x.set_requires_grad();
  const Tensor y = dropout(x, 0.5, RandomKey{8});
  EXPECT_TRUE(same_bits(grad({y}, {x}, {.output_gradients = {ones({50})}})[0], y));
}

TEST(Random, SizeZero) {
  EXPECT_EQ(uniform({0, 3}, RandomKey{1}).numel(), 0);
  EXPECT_EQ(bernoulli({0}, RandomKey{1}, 0.5).numel(), 0);
  testing::expect_empty_gradients([](const Inputs& x) { return dropout(x[0], 0.5, RandomKey{1}); },
                                  {smooth_input({0, 2}, 1)});
}

TEST(Random, Errors) {
  const RandomKey key{1};
  EXPECT_ERROR(uniform({2}, key, 1, 0), "the bounds must be finite and in order, got [1, 0)");
  EXPECT_ERROR(uniform({2}, key, 0, 1, DType::int64), "[uniform] takes float32 or float64, got int64");
  EXPECT_ERROR(normal({2}, key, 0, -1), "deviation of 0 or more, got 0 and -1");
  EXPECT_ERROR(bernoulli({2}, key, 1.5), "the probability must be in [0, 1], got 1.5");
  EXPECT_ERROR(random_integers({2}, key, 0), "the bound must be at least 1, got 0");
  EXPECT_ERROR(random_permutation(-1, key), "the count must not be negative, got -1");
  EXPECT_ERROR(dropout(ones({2}), -0.1, key), "[dropout] the probability must be in [0, 1], got -0.1");
  EXPECT_ERROR(dropout(ones({2}, DType::int64), 0.5, key), "takes float32 or float64, got int64");
}

}  // namespace
}  // namespace orbitgrad
