// Pooling over pixels and over the group. Maxima pick the lowest index among equals and pass NaN on.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

struct Pool2dOptions {
  std::int64_t kernel = 2;
  std::int64_t stride = 0;  // 0: the kernel
  std::int64_t padding = 0;
};

/// Over the last two axes of a tensor of rank 3 or more ([N, C, H, W], [N, C, S, H, W], ...).
Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options = {});
/// The mean counts padding as zeros.
Tensor average_pool2d(const Tensor& x, const Pool2dOptions& options = {});

/// Over the group axis: [N, C, S, H, W] -> [N, C, H, W].
Tensor group_max_pool(const Tensor& x);
Tensor group_mean_pool(const Tensor& x);

}  // namespace orbitgrad
