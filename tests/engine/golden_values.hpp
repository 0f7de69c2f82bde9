// Inputs that any language can make and a number that stands for a whole result, for values computed by PyTorch 2.15:
// wave(shape, k) = 1.3 sin(0.7 i + k) + 0.1 k in row-major order, checksum(y) = sum of (i % 7 + 1) y[i].
#pragma once

#include <cmath>

#include "engine/ops/creation.hpp"

namespace orbitgrad::testing {

inline Tensor wave(const Shape& shape, double key) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = std::sin(0.7 * static_cast<double>(i) + key) * 1.3 + 0.1 * key;
  return from_vector(values, shape);
}

inline double checksum(const Tensor& y) {
  double sum = 0;
  const auto values = y.to_vector<double>();
  for (std::size_t i = 0; i < values.size(); ++i) sum += static_cast<double>(i % 7 + 1) * values[i];
  return sum;
}

}  // namespace orbitgrad::testing
