// Rotated MNIST, by two protocols. The original files are no longer to be had, so the set is made anew as they were:
// each digit is turned once, by an angle uniform in [0, 2 pi). Source: Larochelle et al., "An empirical evaluation of
// deep architectures on problems with many factors of variation" (ICML 2007); errors compare in kind, not to the digit.
#pragma once

#include <cstdint>

#include "experiments/datasets/image_dataset.hpp"
#include "experiments/datasets/mnist.hpp"

namespace orbitgrad::experiments {

/// Training digits, and the same test digits twice: upright and turned. Each [count, 1, 28, 28] in [0, 1], 10 classes.
struct Digits {
  ImageDataset train, test_upright, test_rotated;
};

/// Protocol `12k`: training and test images of MNIST together, permuted by the seed; the first train_count, turned, are
/// the training set and the next test_count the test set. Image i is turned by rotation_angle(seed, i), i its place in
/// MNIST. Error: the counts exceed the images.
Digits rotated_mnist_12k(const Mnist& mnist, std::uint64_t seed, std::int64_t train_count = 12000,
                         std::int64_t test_count = 50000);

/// Protocol `upright-train/rotated-test`: the first train_count training and test_count test images of MNIST as they
/// are; test image i is turned by rotation_angle(seed, i). Error: the counts exceed the images.
Digits upright_train_rotated_test(const Mnist& mnist, std::uint64_t seed, std::int64_t train_count,
                                  std::int64_t test_count);

}  // namespace orbitgrad::experiments
