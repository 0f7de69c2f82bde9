// What a trained classifier is judged by: accuracy on labelled images, and how far its logits are from invariance under
// the exact symmetries of the pixel grid, for the network and after each of its layers.
#pragma once

#include <string>
#include <vector>

#include "experiments/datasets/image_dataset.hpp"
#include "nn/check_equivariance.hpp"

namespace orbitgrad::experiments {

struct Samples {
  Tensor inputs;  // [N, C, H, W] float32
  Tensor labels;  // [N] int64
};

Samples to_samples(const ImageDataset& dataset);
/// The first `count` inputs, or all if there are fewer.
Tensor first_inputs(const ImageDataset& dataset, std::int64_t count);

/// Batches are moved to where the module is. Share of the samples whose largest logit is that of the label, in
/// evaluation passes. Error: no samples.
double measure_accuracy(nn::Module& module, const Samples& samples, std::int64_t batch_size = 256);

struct LayerReport {
  std::string layer;
  std::string output;  // how the output moves: regular, planar or invariant
  nn::EquivarianceReport report;
};

/// The network up to and including each of its layers, for images x [N, 1, H, W] where the network is.
std::vector<LayerReport> check_layers(nn::Sequential& network, const Tensor& x, const groups::LatticeGroup& group);

}  // namespace orbitgrad::experiments
