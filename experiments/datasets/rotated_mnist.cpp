#include "experiments/datasets/rotated_mnist.hpp"

#include <span>
#include <vector>

#include "experiments/datasets/rotation.hpp"
#include "groups/error.hpp"

namespace orbitgrad::experiments {

TrainTest rotated_mnist_12k(const Mnist& mnist, std::uint64_t seed, std::int64_t train_count, std::int64_t test_count) {
  const std::int64_t total = mnist.train.count + mnist.test.count;
  require(train_count >= 0 && test_count >= 0 && train_count <= total && test_count <= total - train_count,
          "rotated_mnist_12k", "{} training and {} test images are asked for, there are {}. Ask for fewer.",
          train_count, test_count, total);
  const ImageDataset all = concatenate(mnist.train, mnist.test);
  const std::vector<std::int64_t> order = random_permutation(total, seed);
  const auto part = [&](std::int64_t begin, std::int64_t size) {
    const auto indices = std::span(order).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size));
    return rotate_images(select(all, indices), seed, indices);
  };
  return {part(0, train_count), part(train_count, test_count)};
}

TrainTest upright_train_rotated_test(const Mnist& mnist, std::uint64_t seed) {
  return {mnist.train, rotate_images(mnist.test, seed)};
}

}  // namespace orbitgrad::experiments
