// What the layers with weights have in common, and how weights start: normal with variance gain / fan_in, where fan_in
// counts the inputs of one output. He, Zhang, Ren and Sun (2015) take gain 2 before a ReLU; Cohen and Welling's group
// networks take gain 1.
#pragma once

#include <optional>

#include "engine/random.hpp"

namespace orbitgrad::nn {

struct LayerOptions {
  bool bias = true;
  /// Absent: the layer's own.
  std::optional<double> gain = {};
  DType dtype = DType::float32;
};

/// Error of the layer unless all sizes are positive and the channel groups divide in and out.
void require_sizes(std::string_view layer, std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t groups);

/// Normal, mean 0, variance gain / fan_in.
Tensor fan_in_normal(const Shape& shape, std::int64_t fan_in, double gain, RandomKey key, DType dtype);

}  // namespace orbitgrad::nn
