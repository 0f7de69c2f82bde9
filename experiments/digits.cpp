#include "experiments/digits.hpp"

#include "engine/error.hpp"
#include "experiments/datasets/glyph_digits.hpp"
#include "nn/nearest_name.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr std::int64_t default_train_count = 12000, default_test_count = 10000, default_test_count_of_12k = 50000;
/// Far behind the training digits, so that the test set does not depend on their number.
constexpr std::int64_t first_glyph_of_test = std::int64_t{1} << 32;
constexpr std::int64_t largest_count = 10'000'000;

std::int64_t or_default(std::int64_t count, std::int64_t otherwise) { return count == 0 ? otherwise : count; }

Digits generated_digits(const DigitsOptions& options) {
  const bool turned = options.protocol == "12k";
  const std::int64_t train_count = or_default(options.train_count, default_train_count);
  const std::int64_t test_count = or_default(options.test_count, default_test_count);
  const auto test = [&](bool rotated) {
    return glyph_digits(test_count, options.seed, {.rotated = rotated, .first_index = first_glyph_of_test});
  };
  return {glyph_digits(train_count, options.seed, {.rotated = turned}), test(false), test(true)};
}

Digits mnist_digits(const DigitsOptions& options) {
  const Mnist mnist = load_mnist(options.data);
  if (options.protocol == "upright")
    return upright_train_rotated_test(mnist, options.seed, or_default(options.train_count, mnist.train.count),
                                      or_default(options.test_count, mnist.test.count));
  return rotated_mnist_12k(mnist, options.seed, or_default(options.train_count, default_train_count),
                           or_default(options.test_count, default_test_count_of_12k));
}

}  // namespace

const std::vector<std::string>& digit_protocols() {
  static const std::vector<std::string> names{"12k", "upright"};
  return names;
}

Digits load_digits(const DigitsOptions& options) {
  if (options.protocol != "12k" && options.protocol != "upright")
    nn::fail_unknown_name("digits", "protocol", options.protocol, digit_protocols());
  const auto is_possible = [](std::int64_t count) { return count >= 0 && count <= largest_count; };
  require(is_possible(options.train_count) && is_possible(options.test_count), "digits",
          "{} training and {} test digits are asked for. Ask for 1 to {} of each, or 0 for the default.",
          options.train_count, options.test_count, largest_count);
  return options.data.empty() ? generated_digits(options) : mnist_digits(options);
}

std::string fingerprint(const Digits& digits) {
  const ImageDataset* const sets[] = {&digits.train, &digits.test_upright, &digits.test_rotated};
  return fingerprint(sets);
}

}  // namespace orbitgrad::experiments
