// Labelled images in memory, and what every data set needs: checking, selecting, permuting.
// Permutations depend on a seed alone (Fisher-Yates with Philox), never on the platform's library.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace orbitgrad::experiments {

struct ImageDataset {
  std::int64_t count = 0, channels = 0, height = 0, width = 0;
  std::vector<float> pixels;         // [count, channels, height, width], in [0, 1]
  std::vector<std::int64_t> labels;  // [count], in [0, classes)
  int classes = 0;

  std::int64_t image_size() const { return channels * height * width; }
  std::span<const float> image(std::int64_t index) const {
    return std::span(pixels).subspan(static_cast<std::size_t>(index * image_size()),
                                     static_cast<std::size_t>(image_size()));
  }
};

/// Error if the arrays do not fit the sizes or a label lies outside [0, classes).
void check_dataset(const ImageDataset& dataset);

/// The images at the given indices, in their order. Error: an index outside [0, count).
ImageDataset select(const ImageDataset& dataset, std::span<const std::int64_t> indices);

/// A permutation of 0 .. count-1, uniform and a function of (count, seed) alone. Error: count is negative or >= 2^32.
std::vector<std::int64_t> random_permutation(std::int64_t count, std::uint64_t seed);

/// A number that changes with any pixel or label of the sets, as 16 hexadecimal digits.
std::string fingerprint(std::span<const ImageDataset* const> datasets);

/// The images of both, first a, then b. Error: image sizes or classes differ.
ImageDataset concatenate(const ImageDataset& a, const ImageDataset& b);

}  // namespace orbitgrad::experiments
