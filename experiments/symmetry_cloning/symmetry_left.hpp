// How much of the cloned symmetry the layers of a network hold: the relative equivariance error E of each layer as a
// function, and the relative distance delta of its matrices, B_k or W, from the equivariant ones. Of a point group both
// are under all its elements; of translations under cyclic shifts if the layers are circular. With zero padding shifts
// are no group on the grid: E then counts the pixels that the border does not reach, and delta is the distance from the
// matrices W[p, q] that depend on q - p alone, which are all that commute with shifts away from the border.
#pragma once

#include <string>

#include "experiments/record.hpp"
#include "models/symmetry_cloning/network.hpp"

namespace orbitgrad::experiments {

/// |W - T W|_F / |W|_F with T the mean over the pairs (p, q) of equal q - p; weights [K, H W, H W], over all entries.
/// 0 for W = 0.
double toeplitz_distance(const Tensor& weights, std::int64_t height, std::int64_t width);

/// Adds, for the layers I from 1, equivariance_WHEN_I on noise that the key draws, equivariance_digits_WHEN_I on what
/// reaches the layer when the network sees the first 32 of the images [N, 1, side, side], and delta_WHEN_I where the
/// students are linear in x.
void measure_symmetry(Record& line, const std::string& when, const models::CloningNetwork& network,
                      const Tensor& images, RandomKey key);

}  // namespace orbitgrad::experiments
