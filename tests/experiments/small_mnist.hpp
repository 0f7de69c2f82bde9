// Four small files in the form of MNIST: 20 training and 10 test images, image i of one brightness, its label i
// modulo 10.
#pragma once

#include <fmt/format.h>

#include "experiments/datasets/idx.hpp"
#include "tests/experiments/datasets_support.hpp"

namespace orbitgrad::experiments {

/// `darkest`, the value of image 0, makes one set differ from another.
inline void write_small_mnist(const std::filesystem::path& folder, int darkest = 7) {
  std::filesystem::create_directories(folder);
  for (const auto& [part, count, first] : {std::tuple{"train", 20, 0}, std::tuple{"t10k", 10, 20}}) {
    IdxArray images{{count, 28, 28}, {}}, labels{{count}, {}};
    for (int i = first; i < first + count; ++i) {
      images.values.insert(images.values.end(), 784, static_cast<std::uint8_t>(5 * i + darkest));
      labels.values.push_back(static_cast<std::uint8_t>(i % 10));
    }
    write_idx(folder / fmt::format("{}-images-idx3-ubyte", part), images, IdxCompression::none);
    write_idx(folder / fmt::format("{}-labels-idx1-ubyte", part), labels, IdxCompression::none);
  }
}

}  // namespace orbitgrad::experiments
