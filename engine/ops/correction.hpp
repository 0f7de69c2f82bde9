// What variance and standard deviation ask of their correction, each in its own name.
#pragma once

#include <algorithm>

#include "engine/error.hpp"
#include "engine/tensor.hpp"

namespace orbitgrad {

/// How many elements of x one result is taken over. Error: axes that x does not have, a correction outside [0, count].
inline std::int64_t corrected_count(std::string_view op, const Tensor& x, const Axes& axes, int correction) {
  const std::uint32_t mask = axis_mask(op, axes, x.rank());
  std::int64_t count = 1;
  for (int axis = 0; axis < x.rank(); ++axis)
    if ((mask >> axis & 1) != 0) count *= x.shape()[axis];
  require(correction >= 0 && correction <= std::max<std::int64_t>(count, 1), op,
          "the correction must be between 0 and the {} elements of shape {} that it is taken over, got {}. Use 0 or 1.",
          count, x.shape(), correction);
  return count;
}

}  // namespace orbitgrad
