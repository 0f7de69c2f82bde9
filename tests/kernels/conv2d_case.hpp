// A case of the plain convolution's tables: its sizes, the same stride, padding and dilation along both axes.
#pragma once

#include "kernels/conv2d/conv2d.hpp"

namespace orbitgrad::testing {

inline kernels::Conv2dProblem make(std::int64_t batch, std::int64_t in, std::int64_t height, std::int64_t width,
                                   std::int64_t out, std::int64_t kernel_height, std::int64_t kernel_width,
                                   std::int64_t stride = 1, std::int64_t padding = 0, std::int64_t dilation = 1,
                                   std::int64_t groups = 1) {
  kernels::Conv2dProblem p;
  p.batch = batch, p.in_channels = in, p.in_height = height, p.in_width = width, p.out_channels = out;
  p.kernel_height = kernel_height, p.kernel_width = kernel_width;
  p.stride_height = p.stride_width = stride, p.padding_height = p.padding_width = padding;
  p.dilation_height = p.dilation_width = dilation, p.groups = groups;
  return p;
}

}  // namespace orbitgrad::testing
