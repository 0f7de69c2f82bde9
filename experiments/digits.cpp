#include "experiments/digits.hpp"

#include <bit>
#include <numeric>
#include <span>

#include "engine/error.hpp"
#include "experiments/datasets/glyph_digits.hpp"
#include "experiments/datasets/rotated_mnist.hpp"
#include "experiments/datasets/rotation.hpp"
#include "nn/nearest_name.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr std::int64_t default_train_count = 12000, default_test_count = 10000;
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

ImageDataset first_images(const ImageDataset& dataset, std::int64_t count) {
  require(count <= dataset.count, "digits", "{} digits are asked for, there are {}. Ask for fewer.", count,
          dataset.count);
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  return select(dataset, indices);
}

Digits upright_digits(const Mnist& mnist, const DigitsOptions& options) {
  const std::int64_t test_count = or_default(options.test_count, mnist.test.count);
  const ImageDataset test = first_images(mnist.test, test_count);
  return {first_images(mnist.train, or_default(options.train_count, mnist.train.count)), test,
          rotate_images(test, options.seed)};
}

Digits rotated_digits(const Mnist& mnist, const DigitsOptions& options) {
  const std::int64_t train_count = or_default(options.train_count, 12000);
  const std::int64_t test_count = or_default(options.test_count, 50000);
  TrainTest turned = rotated_mnist_12k(mnist, options.seed, train_count, test_count);
  // The same test digits as they were before they were turned: the protocol permutes by the seed.
  const std::vector<std::int64_t> order = random_permutation(mnist.train.count + mnist.test.count, options.seed);
  const auto test_indices =
      std::span(order).subspan(static_cast<std::size_t>(train_count), static_cast<std::size_t>(test_count));
  return {std::move(turned.train), select(concatenate(mnist.train, mnist.test), test_indices), std::move(turned.test)};
}

void add_to_fingerprint(std::uint64_t& hash, const ImageDataset& dataset) {
  const auto add = [&](std::uint64_t word) { hash = (hash ^ word) * 0x100000001b3ull; };  // FNV-1a, word by word
  add(static_cast<std::uint64_t>(dataset.count));
  for (const float pixel : dataset.pixels) add(std::bit_cast<std::uint32_t>(pixel));
  for (const std::int64_t label : dataset.labels) add(static_cast<std::uint64_t>(label));
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
  if (options.data.empty()) return generated_digits(options);
  const Mnist mnist = load_mnist(options.data);
  return options.protocol == "upright" ? upright_digits(mnist, options) : rotated_digits(mnist, options);
}

std::string fingerprint(const Digits& digits) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const ImageDataset* dataset : {&digits.train, &digits.test_upright, &digits.test_rotated})
    add_to_fingerprint(hash, *dataset);
  return fmt::format("{:016x}", hash);
}

}  // namespace orbitgrad::experiments
