#include "experiments/datasets/rotation.hpp"

#include <numbers>

#include "experiments/datasets/random_sequence.hpp"
#include "groups/error.hpp"
#include "kernels/rotate/rotate.hpp"

namespace orbitgrad::experiments {
namespace {

constexpr std::uint64_t angle_stream = 0x616e676c65ull;  // "angle"

}  // namespace

double rotation_angle(std::uint64_t seed, std::int64_t index) {
  RandomSequence random(
      kernels::philox_split(kernels::philox_split(seed, angle_stream), static_cast<std::uint64_t>(index)));
  return 2 * std::numbers::pi * random.uniform_double();
}

ImageDataset rotate_images(const ImageDataset& dataset, std::span<const double> angles) {
  check_dataset(dataset);
  require(static_cast<std::int64_t>(angles.size()) == dataset.count, "rotate_images",
          "{} angles for {} images. Pass one angle for every image.", angles.size(), dataset.count);
  ImageDataset result{dataset.count,  dataset.channels, dataset.height, dataset.width, {},
                      dataset.labels, dataset.classes};
  result.pixels.resize(dataset.pixels.size());
  const kernels::RotateProblem problem{dataset.count, dataset.channels, dataset.height, dataset.width, angles.data()};
  kernels::cpu::rotate_forward<float>(problem, dataset.pixels.data(), result.pixels.data());
  return result;
}

ImageDataset rotate_images(const ImageDataset& dataset, std::uint64_t seed, std::span<const std::int64_t> keys) {
  std::vector<double> angles;
  angles.reserve(keys.size());
  for (const std::int64_t key : keys) angles.push_back(rotation_angle(seed, key));
  return rotate_images(dataset, angles);
}

}  // namespace orbitgrad::experiments
