// MNIST: 60,000 training and 10,000 test images of handwritten digits, 28 x 28, grey (LeCun, Cortes, Burges), read from
// the four IDX files. Fashion-MNIST has the same files and is read by the same function.
#pragma once

#include <filesystem>

#include "experiments/datasets/image_dataset.hpp"

namespace orbitgrad::experiments {

struct Mnist {
  ImageDataset train, test;  // [count, 1, 28, 28], 10 classes
};

/// Reads the four files from `directory`, or from mnist/, images/mnist/ or MNIST/raw/ below it. Names may end in
/// `-idx3-ubyte` or `.idx3-ubyte` and in .gz or not. Error: a file is missing (the message lists what was looked for),
/// damaged, not 28 x 28, or the labels do not fit the images.
Mnist load_mnist(const std::filesystem::path& directory);

}  // namespace orbitgrad::experiments
