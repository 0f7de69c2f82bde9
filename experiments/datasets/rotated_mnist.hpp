// Rotated MNIST, by two protocols. The original files are no longer to be had, so the set is made anew as they were:
// each digit is turned once, by an angle uniform in [0, 2 pi). Source: Larochelle et al., "An empirical evaluation of
// deep architectures on problems with many factors of variation" (ICML 2007); errors compare in kind, not to the digit.
#pragma once

#include <cstdint>

#include "experiments/datasets/image_dataset.hpp"
#include "experiments/datasets/mnist.hpp"

namespace orbitgrad::experiments {

struct TrainTest {
  ImageDataset train, test;
};

/// Protocol `12k`: training and test images of MNIST together, permuted by the seed; the first train_count are the
/// training set and the next test_count the test set, image i turned by rotation_angle(seed, i), i its place in MNIST.
/// Error: the counts exceed the images.
TrainTest rotated_mnist_12k(const Mnist& mnist, std::uint64_t seed, std::int64_t train_count = 12000,
                            std::int64_t test_count = 50000);

/// Protocol `upright-train/rotated-test`: the training images of MNIST as they are, every test image turned once.
TrainTest upright_train_rotated_test(const Mnist& mnist, std::uint64_t seed);

}  // namespace orbitgrad::experiments
