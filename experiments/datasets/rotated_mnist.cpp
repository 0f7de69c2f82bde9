#include "experiments/datasets/rotated_mnist.hpp"

#include <numeric>
#include <span>
#include <vector>

#include "experiments/datasets/rotation.hpp"
#include "groups/error.hpp"

namespace orbitgrad::experiments {

namespace {

using Places = std::span<const std::int64_t>;

/// Test digit i comes from places[i], which decides its angle.
Digits with_test_digits(ImageDataset train, ImageDataset test, Places places, std::uint64_t seed) {
  ImageDataset turned = rotate_images(test, seed, places);
  return {std::move(train), std::move(test), std::move(turned)};
}

std::vector<std::int64_t> first_places(std::int64_t count) {
  std::vector<std::int64_t> places(static_cast<std::size_t>(count));
  std::iota(places.begin(), places.end(), std::int64_t{0});
  return places;
}

}  // namespace

Digits rotated_mnist_12k(const Mnist& mnist, std::uint64_t seed, std::int64_t train_count, std::int64_t test_count) {
  const std::int64_t total = mnist.train.count + mnist.test.count;
  require(train_count >= 0 && test_count >= 0 && train_count <= total && test_count <= total - train_count,
          "rotated_mnist_12k", "{} training and {} test images are asked for, there are {}. Ask for fewer.",
          train_count, test_count, total);
  const ImageDataset all = concatenate(mnist.train, mnist.test);
  const std::vector<std::int64_t> order = random_permutation(total, seed);
  const Places train = Places(order).first(static_cast<std::size_t>(train_count));
  const Places test = Places(order).subspan(train.size(), static_cast<std::size_t>(test_count));
  return with_test_digits(rotate_images(select(all, train), seed, train), select(all, test), test, seed);
}

Digits upright_train_rotated_test(const Mnist& mnist, std::uint64_t seed, std::int64_t train_count,
                                  std::int64_t test_count) {
  require(train_count >= 0 && train_count <= mnist.train.count && test_count >= 0 && test_count <= mnist.test.count,
          "upright_train_rotated_test",
          "{} training and {} test images are asked for, there are {} and {}. Ask for fewer.", train_count, test_count,
          mnist.train.count, mnist.test.count);
  const std::vector<std::int64_t> test = first_places(test_count);
  return with_test_digits(select(mnist.train, first_places(train_count)), select(mnist.test, test), test, seed);
}

}  // namespace orbitgrad::experiments
