// A plain convolutional network: 3x3 convolution, batch norm, ReLU and 2x2 max-pooling for each width, the mean over
// pixels and a linear layer. The group-agnostic baseline for images of any size.
#pragma once

#include <memory>
#include <vector>

#include "nn/layers.hpp"

namespace orbitgrad::models {

/// Images [N, channels, H, W], H and W at least 2^widths.size() -> logits [N, classes].
std::shared_ptr<nn::Sequential> cnn(std::int64_t channels, const std::vector<std::int64_t>& widths,
                                    std::int64_t classes, RandomKey key, DType dtype = DType::float32);

}  // namespace orbitgrad::models
