// Networks for rotated digits, from Cohen and Welling, Group Equivariant Convolutional Networks (ICML 2016), section
// 8.1: six 3x3 convolutions without padding, batch norm and ReLU after each, 2x2 max-pooling after the second, a 4x4
// convolution to ten fields and a maximum over what is left. Sizes 28-26-24-12-10-8-6-4-1.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nn/layers.hpp"

namespace orbitgrad::models {

struct GcnnOptions {
  /// Of the group convolutions: "expanded", "orbit_gather" (equivariant to the last bit), or empty: the faster one.
  std::string implementation = {};
  DType dtype = DType::float32;
};

/// 20 plain channels, dropout 0.3. 21,750 parameters.
std::shared_ptr<nn::Sequential> z2cnn(RandomKey key, const GcnnOptions& options = {});
/// 10 fields over p4. 24,680 parameters.
std::shared_ptr<nn::Sequential> p4cnn(RandomKey key, const GcnnOptions& options = {});
/// 20 lifted fields with a maximum over the rotations after every layer. 21,750 parameters.
std::shared_ptr<nn::Sequential> p4cnn_rp(RandomKey key, const GcnnOptions& options = {});
/// 7 fields over p4m (7 sqrt(8) = 10 sqrt(4), nearly): 26,799 parameters.
std::shared_ptr<nn::Sequential> p4mcnn(RandomKey key, const GcnnOptions& options = {});

struct ModelDescription {
  std::string name;
  std::string description;  // one line
  std::string group;        // lattice group under which the logits are invariant: p1, p4 or p4m
};
const std::vector<ModelDescription>& gcnn_models();

/// The model of that name for images [N, 1, 28, 28] -> logits [N, 10]. Error with the nearest name for any other.
std::shared_ptr<nn::Sequential> make_model(std::string_view name, RandomKey key, const GcnnOptions& options = {});

}  // namespace orbitgrad::models
