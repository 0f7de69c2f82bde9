#include "experiments/datasets/image_dataset.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>

#include "experiments/datasets/random_sequence.hpp"
#include "groups/error.hpp"
#include "groups/fnv_hash.hpp"
#include "kernels/parallel.hpp"

namespace orbitgrad::experiments {

void check_dataset(const ImageDataset& dataset) {
  require(dataset.count >= 0 && dataset.channels >= 0 && dataset.height >= 0 && dataset.width >= 0 &&
              static_cast<std::int64_t>(dataset.pixels.size()) == dataset.count * dataset.image_size(),
          "check_dataset", "{} pixels do not fit [{}, {}, {}, {}]. Give one value for every pixel.",
          dataset.pixels.size(), dataset.count, dataset.channels, dataset.height, dataset.width);
  require(static_cast<std::int64_t>(dataset.labels.size()) == dataset.count, "check_dataset",
          "{} labels for {} images. Give one label for every image.", dataset.labels.size(), dataset.count);
  for (std::int64_t i = 0; i < dataset.count; ++i) {
    const std::int64_t label = dataset.labels[static_cast<std::size_t>(i)];
    require(label >= 0 && label < dataset.classes, "check_dataset",
            "label {} of image {} is outside 0 to {}. Check that the label file belongs to these images.", label, i,
            dataset.classes - 1);
  }
}

ImageDataset select(const ImageDataset& dataset, std::span<const std::int64_t> indices) {
  ImageDataset result{static_cast<std::int64_t>(indices.size()),
                      dataset.channels,
                      dataset.height,
                      dataset.width,
                      {},
                      {},
                      dataset.classes};
  result.labels.reserve(indices.size());
  for (const std::int64_t index : indices) {
    require(index >= 0 && index < dataset.count, "select",
            "index {} is outside the data set of {} images. Pass indices from 0 to {}.", index, dataset.count,
            dataset.count - 1);
    result.labels.push_back(dataset.labels[static_cast<std::size_t>(index)]);
  }
  result.pixels.resize(static_cast<std::size_t>(result.count * result.image_size()));
  kernels::parallel_for(result.count, 256, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::span<const float> image = dataset.image(indices[static_cast<std::size_t>(i)]);
      std::copy(image.begin(), image.end(), result.pixels.begin() + i * result.image_size());
    }
  });
  return result;
}

std::vector<std::int64_t> random_permutation(std::int64_t count, std::uint64_t seed) {
  require(count >= 0 && count < (std::int64_t{1} << 32), "random_permutation",
          "count is {}. Pass a count from 0 to 2^32 - 1.", count);
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  RandomSequence random(kernels::philox_split(seed, 0x7065726d75746174ull /* "permutat" */));
  for (std::int64_t last = count - 1; last > 0; --last) {
    std::swap(order[static_cast<std::size_t>(last)], order[static_cast<std::size_t>(random.below(last + 1))]);
  }
  return order;
}

ImageDataset concatenate(const ImageDataset& a, const ImageDataset& b) {
  require(a.channels == b.channels && a.height == b.height && a.width == b.width && a.classes == b.classes,
          "concatenate", "images [{}, {}, {}] of {} classes and [{}, {}, {}] of {}. Use data of one kind.", a.channels,
          a.height, a.width, a.classes, b.channels, b.height, b.width, b.classes);
  ImageDataset result{a.count + b.count, a.channels, a.height, a.width, {}, {}, a.classes};
  result.pixels.reserve(a.pixels.size() + b.pixels.size());
  result.pixels.insert(result.pixels.end(), a.pixels.begin(), a.pixels.end());
  result.pixels.insert(result.pixels.end(), b.pixels.begin(), b.pixels.end());
  result.labels.reserve(a.labels.size() + b.labels.size());
  result.labels.insert(result.labels.end(), a.labels.begin(), a.labels.end());
  result.labels.insert(result.labels.end(), b.labels.begin(), b.labels.end());
  return result;
}

std::string fingerprint(std::span<const ImageDataset* const> datasets) {
  groups::FnvHash hash;
  for (const ImageDataset* dataset : datasets) {
    hash.add(static_cast<std::uint64_t>(dataset->count));
    for (const float pixel : dataset->pixels) hash.add(std::bit_cast<std::uint32_t>(pixel));
    for (const std::int64_t label : dataset->labels) hash.add(static_cast<std::uint64_t>(label));
  }
  return fmt::format("{:016x}", hash.value());
}

}  // namespace orbitgrad::experiments
