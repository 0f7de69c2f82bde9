// Multilayer perceptron: dense layers with ReLU between them; with no hidden layer, a linear classifier.
#pragma once

#include <memory>
#include <vector>

#include "nn/layers.hpp"

namespace orbitgrad::models {

/// [N, ...] with `in` values a sample -> [N, out].
std::shared_ptr<nn::Sequential> mlp(std::int64_t in, const std::vector<std::int64_t>& hidden, std::int64_t out,
                                    RandomKey key, DType dtype = DType::float32);

}  // namespace orbitgrad::models
