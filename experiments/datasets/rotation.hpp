// Rotation of whole data sets: counter-clockwise about the image centre ((H-1)/2, (W-1)/2), by inverse mapping with
// bilinear interpolation and zero outside. The angle of an image depends on (seed, image index) alone.
#pragma once

#include <cstdint>
#include <span>

#include "experiments/datasets/image_dataset.hpp"

namespace orbitgrad::experiments {

/// The angle of image `index`, uniform in [0, 2 pi), radians.
double rotation_angle(std::uint64_t seed, std::int64_t index);

/// Rotates image i by angles[i] radians. Error: not one angle for every image, or a data set that does not fit its
/// sizes.
ImageDataset rotate_images(const ImageDataset& dataset, std::span<const double> angles);

/// Rotates image i by rotation_angle(seed, keys[i]). Error: not one key for every image.
ImageDataset rotate_images(const ImageDataset& dataset, std::uint64_t seed, std::span<const std::int64_t> keys);

}  // namespace orbitgrad::experiments
