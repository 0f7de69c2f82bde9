// The digits of the experiment: which data a seed and the counts stand for, and what is refused.
#include "experiments/digits.hpp"

#include <limits>

#include "tests/experiments/small_mnist.hpp"

namespace orbitgrad::experiments {
namespace {

TEST(Digits, TestDigitsDoNotDependOnTheNumberOfTrainingDigits) {
  const auto few = load_digits({.train_count = 3, .test_count = 4}),
             more = load_digits({.train_count = 5, .test_count = 4});
  EXPECT_EQ(few.test_upright.pixels, more.test_upright.pixels);
  EXPECT_EQ(few.test_rotated.pixels, more.test_rotated.pixels);
  EXPECT_EQ(few.test_upright.labels, few.test_rotated.labels);
  EXPECT_NE(few.test_upright.pixels, few.test_rotated.pixels);
  EXPECT_NE(fingerprint(few), fingerprint(more));
  EXPECT_NE(fingerprint(few), fingerprint(load_digits({.train_count = 3, .test_count = 4, .seed = 1})));
}

TEST(Digits, BothTestSetsOfMnistHoldTheSameDigits) {
  const TemporaryFolder folder;
  write_small_mnist(folder.path());
  for (const std::string& protocol : digit_protocols()) {
    const Digits digits =
        load_digits({.data = folder.path(), .protocol = protocol, .train_count = 12, .test_count = 9});
    EXPECT_EQ(digits.train.count, 12);
    ASSERT_EQ(digits.test_upright.count, 9);
    EXPECT_EQ(digits.test_upright.labels, digits.test_rotated.labels) << protocol;
    for (std::int64_t i = 0; i < 9; ++i)  // the middle of an even image keeps its brightness when it is turned
      EXPECT_NEAR(digits.test_upright.image(i)[14 * 28 + 14], digits.test_rotated.image(i)[14 * 28 + 14], 1e-6) << i;
    EXPECT_NE(digits.test_upright.pixels, digits.test_rotated.pixels) << protocol;
  }
}

TEST(Digits, CountsAndProtocolsAreChecked) {
  for (const std::int64_t count :
       {std::int64_t{-1}, std::int64_t{10'000'001}, std::numeric_limits<std::int64_t>::max()}) {
    expect_contains(error_of([&] { load_digits({.train_count = count, .test_count = 1}); }),
                    fmt::format("{} training", count));
    expect_contains(error_of([&] { load_digits({.train_count = 1, .test_count = count}); }),
                    fmt::format("{} test", count));
  }
  expect_contains(error_of([] { load_digits({.protocol = "uprigth"}); }), "Did you mean \"upright\"?");
}

}  // namespace
}  // namespace orbitgrad::experiments
