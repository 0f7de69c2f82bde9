#include "experiments/datasets/image_dataset.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "experiments/datasets/random_sequence.hpp"
#include "groups/error.hpp"
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

std::vector<std::int64_t> class_counts(const ImageDataset& dataset) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(dataset.classes), 0);
  for (const std::int64_t label : dataset.labels) {
    require(label >= 0 && label < dataset.classes, "class_counts",
            "label {} is outside 0 to {}. Set `classes` to the number of classes.", label, dataset.classes - 1);
    ++counts[static_cast<std::size_t>(label)];
  }
  return counts;
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

DatasetSplit split_dataset(const ImageDataset& dataset, std::int64_t train_count, std::int64_t valid_count,
                           std::int64_t test_count, std::uint64_t seed) {
  require(train_count >= 0 && valid_count >= 0 && test_count >= 0 && train_count <= dataset.count &&
              valid_count <= dataset.count - train_count && test_count <= dataset.count - train_count - valid_count,
          "split_dataset", "{} + {} + {} images are asked for, the data set has {}. Ask for fewer.", train_count,
          valid_count, test_count, dataset.count);
  const std::vector<std::int64_t> order = random_permutation(dataset.count, seed);
  const auto part = [&](std::int64_t begin, std::int64_t size) {
    return select(dataset, std::span(order).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size)));
  };
  return {part(0, train_count), part(train_count, valid_count), part(train_count + valid_count, test_count)};
}

Standardisation measure_standardisation(const ImageDataset& dataset) {
  require(!dataset.pixels.empty(), "measure_standardisation", "the data set has no pixels. Load images first.");
  const double count = static_cast<double>(dataset.pixels.size());
  double sum = 0;
  for (const float pixel : dataset.pixels) sum += pixel;
  const double mean = sum / count;
  double squares = 0;
  for (const float pixel : dataset.pixels) squares += (pixel - mean) * (pixel - mean);
  return {static_cast<float>(mean), static_cast<float>(std::sqrt(squares / count))};
}

void standardise(ImageDataset& dataset, Standardisation constants) {
  require(constants.deviation > 0, "standardise", "the deviation is {}. Pass a positive one.", constants.deviation);
  kernels::parallel_for(static_cast<std::int64_t>(dataset.pixels.size()), 1 << 16,
                        [&](std::int64_t begin, std::int64_t end) {
                          float* pixel = dataset.pixels.data();
                          for (std::int64_t i = begin; i < end; ++i) {
                            pixel[i] = (pixel[i] - constants.mean) / constants.deviation;
                          }
                        });
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

}  // namespace orbitgrad::experiments
