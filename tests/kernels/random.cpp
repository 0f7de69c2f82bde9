#include "kernels/random/random.hpp"

#include <algorithm>

#include "kernels/random/philox_batch.hpp"
#include "tests/kernels/buffer.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::RandomProblem;

std::vector<std::uint32_t> words(const kernels::PhiloxBlock& block) { return {block.word, block.word + 4}; }

// Known answers distributed with Random123 (philox4x32-10).
TEST(Philox, KnownAnswers) {
  const std::uint64_t ones = ~std::uint64_t{0};
  EXPECT_EQ(words(kernels::philox(0, 0, 0)),
            (std::vector<std::uint32_t>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(words(kernels::philox(ones, ones, ones)),
            (std::vector<std::uint32_t>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(words(kernels::philox(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e)),
            (std::vector<std::uint32_t>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, ABatchIsTheBlocksOneByOne) {
  for (const std::uint64_t first : {std::uint64_t{0}, (std::uint64_t{1} << 32) - 3, ~std::uint64_t{0} - 2}) {
    Guarded<std::uint32_t> batch(kernels::philox_batch_words);
    kernels::philox_batch(0x123456789abcdef0, first, batch.data());
    for (std::int64_t i = 0; i < kernels::philox_batch_words; ++i)
      EXPECT_EQ(batch[i], kernels::philox(0x123456789abcdef0, first + static_cast<std::uint64_t>(i / 4)).word[i % 4]);
  }
}

// The layout is a promise: saved keys must give the same numbers after any change of the code.
TEST(Random, ElementsTakeTheWordsOfTheirIndex) {
  float single[11];
  double twofold[11];
  kernels::cpu::random_uniform({11, 77}, 0, 1, single);
  kernels::cpu::random_uniform({11, 77}, 0, 1, twofold);
  for (std::uint64_t i = 0; i < 11; ++i) {
    EXPECT_EQ(single[i], kernels::uniform_float(kernels::philox(77, i / 4).word[i % 4]));
    const auto block = kernels::philox(77, i / 2);
    EXPECT_EQ(twofold[i], kernels::uniform_double(block.word[2 * (i % 2)], block.word[2 * (i % 2) + 1]));
  }
}

TEST(Philox, SplitKeysDiffer) {
  std::vector<std::uint64_t> keys;
  for (std::uint64_t stream = 0; stream < 1000; ++stream) keys.push_back(kernels::philox_split(7, stream));
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end());
}

template <class T>
class RandomTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(RandomTest, Types);

template <class T, class Fill>
std::vector<T> filled(std::int64_t count, Fill&& fill) {
  return same_for_any_thread_count([&] {
    Guarded<T> y(count);
    fill(y.data());
    return y.values();
  });
}

struct Moments {
  double mean = 0, variance = 0, kurtosis = 0, neighbours = 0;

  template <class T>
  explicit Moments(const std::vector<T>& values) {
    const double count = static_cast<double>(values.size());
    for (const T value : values) mean += static_cast<double>(value) / count;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double d = static_cast<double>(values[i]) - mean;
      variance += d * d / count;
      kurtosis += d * d * d * d / count;
      if (i > 0) neighbours += d * (static_cast<double>(values[i - 1]) - mean) / count;
    }
    kurtosis /= variance * variance;
    neighbours /= variance;
  }
};

constexpr std::int64_t many = 200000;  // one standard error of a mean is 1 / 447 of the deviation

TYPED_TEST(RandomTest, Uniform) {
  const auto y = filled<TypeParam>(many, [](TypeParam* out) { kernels::cpu::random_uniform({many, 5}, -1, 3, out); });
  const Moments moments(y);
  EXPECT_GE(*std::min_element(y.begin(), y.end()), TypeParam(-1));
  EXPECT_LE(*std::max_element(y.begin(), y.end()), TypeParam(3));
  EXPECT_NEAR(moments.mean, 1, 5 * 1.155 / 447);
  EXPECT_NEAR(moments.variance, 4.0 / 3, 0.02);
  EXPECT_NEAR(moments.kurtosis, 1.8, 0.02);
  EXPECT_NEAR(moments.neighbours, 0, 5.0 / 447);
}

TYPED_TEST(RandomTest, Normal) {
  const auto y = filled<TypeParam>(many, [](TypeParam* out) { kernels::cpu::random_normal({many, 6}, 2, 3, out); });
  const Moments moments(y);
  EXPECT_NEAR(moments.mean, 2, 5 * 3.0 / 447);
  EXPECT_NEAR(moments.variance, 9, 0.15);
  EXPECT_NEAR(moments.kurtosis, 3, 0.06);
  EXPECT_NEAR(moments.neighbours, 0, 5.0 / 447);
  const auto beyond = std::count_if(y.begin(), y.end(), [](TypeParam value) { return std::abs(value - 2) > 6; });
  EXPECT_NEAR(static_cast<double>(beyond) / many, 0.0455, 0.0025);
}

TYPED_TEST(RandomTest, Bernoulli) {
  const auto y = filled<TypeParam>(many, [](TypeParam* out) { kernels::cpu::random_bernoulli({many, 7}, 0.3, out); });
  EXPECT_NEAR(Moments(y).mean, 0.3, 5 * 0.458 / 447);
  EXPECT_TRUE(std::all_of(y.begin(), y.end(), [](TypeParam v) { return v == 0 || v == 1; }));
  for (const double certain : {0.0, 1.0}) {
    const auto all = filled<TypeParam>(99, [&](TypeParam* out) {
      kernels::cpu::random_bernoulli({99, 7}, certain, out);
    });
    EXPECT_EQ(all, std::vector<TypeParam>(99, static_cast<TypeParam>(certain)));
  }
}

// An element depends on its index alone: a shorter array is the beginning of a longer one.
TYPED_TEST(RandomTest, PrefixesAgree) {
  std::vector<TypeParam> whole(100);
  for (std::int64_t count = 0; count < 20; ++count) {
    kernels::cpu::random_normal({100, 8}, 0, 1, whole.data());
    EXPECT_EQ(filled<TypeParam>(count,
                                [&](TypeParam* out) {
                                  kernels::cpu::random_normal({count, 8}, 0, 1, out);
                                }),
              std::vector<TypeParam>(whole.begin(), whole.begin() + count));
    kernels::cpu::random_uniform({100, 8}, 0, 1, whole.data());
    EXPECT_EQ(filled<TypeParam>(count,
                                [&](TypeParam* out) {
                                  kernels::cpu::random_uniform({count, 8}, 0, 1, out);
                                }),
              std::vector<TypeParam>(whole.begin(), whole.begin() + count));
  }
}

TYPED_TEST(RandomTest, ExtremeWordsGiveFiniteNormals) {
  for (const std::uint32_t word : {0u, ~0u}) {
    TypeParam first, second;
    const std::uint32_t words[] = {word, word, word, word};
    kernels::normal_pair(words, &first, &second);
    EXPECT_TRUE(std::isfinite(first) && std::isfinite(second)) << word;
  }
}

TEST(Random, IntegersAreUniform) {
  const auto y = filled<std::int64_t>(many, [](std::int64_t* out) {
    kernels::cpu::random_integers({many, 9}, 7, out);
  });
  std::vector<double> share(7);
  for (const std::int64_t value : y) {
    ASSERT_TRUE(value >= 0 && value < 7);
    share[static_cast<std::size_t>(value)] += 1.0 / many;
  }
  for (const double s : share) EXPECT_NEAR(s, 1.0 / 7, 5 * 0.35 / 447);
}

// With bound 3/4 of the range a plain remainder would hit the lower third twice as often.
TEST(Random, IntegersBelowAHugeBoundAreUnbiased) {
  const std::uint64_t bound = std::uint64_t{3} << 62;
  int low = 0;
  for (std::uint64_t i = 0; i < 30000; ++i) {
    const std::uint64_t value = kernels::integer_below(11, i, bound);
    ASSERT_LT(value, bound);
    low += value < bound / 3;
  }
  EXPECT_NEAR(low / 30000.0, 1.0 / 3, 5 * 0.471 / 173);
}

TEST(Random, PermutationsAreUniform) {
  std::vector<double> share(24);
  for (std::uint64_t key = 0; key < 24000; ++key) {
    std::int64_t y[4];
    kernels::cpu::random_permutation({4, key}, y);
    std::int64_t code = 0;
    for (int i = 0; i < 4; ++i) {
      ASSERT_EQ(std::count(y, y + 4, i), 1);
      std::int64_t rank = 0;
      for (int j = i + 1; j < 4; ++j) rank += y[j] < y[i];
      code = code * (4 - i) + rank;
    }
    share[static_cast<std::size_t>(code)] += 1.0 / 24000;
  }
  for (const double s : share) EXPECT_NEAR(s, 1.0 / 24, 5 * 0.2 / 155);
  kernels::cpu::random_permutation({0, 1}, nullptr);
}

}  // namespace
}  // namespace orbitgrad::testing
