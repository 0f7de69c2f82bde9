// Images at other places: interpolation to another size, sampling at given points, and pooling to a given size. Places
// and weights are PyTorch's.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

enum class Interpolation { nearest, bilinear, bicubic };

/// The last two axes of x [..., H, W] to height x width. Pixel i of the result stands at (i + 1/2) in / out - 1/2 of x,
/// or with align_corners at i (in - 1) / (out - 1). nearest takes floor(i in / out) and knows no align_corners; bicubic
/// has a = -3/4. Differentiable to any order.
Tensor interpolate(const Tensor& x, std::int64_t height, std::int64_t width,
                   Interpolation mode = Interpolation::nearest, bool align_corners = false);

/// The last two axes of x [..., H, W] to height x width: mean or maximum of rows floor(i in / out) to
/// ceil((i + 1) in / out), columns likewise. Maxima: the first of equals has the gradient; NaN wins.
Tensor adaptive_average_pool2d(const Tensor& x, std::int64_t height, std::int64_t width);
Tensor adaptive_max_pool2d(const Tensor& x, std::int64_t height, std::int64_t width);

/// What stands outside of the image: zeros, its border pixels, or its mirror image.
enum class GridPadding { zeros, border, reflection };

/// Values of x [N, C, H, W] at points grid [N, Ho, Wo, 2] -> [N, C, Ho, Wo]. A point is (column, row), each from -1
/// (the left or upper edge of the image, or with align_corners the centre of its first pixel) to 1. Differentiable in x
/// and grid, but nearest has no gradient in the grid; a NaN point gives NaN (nearest: the pixel 0).
Tensor grid_sample(const Tensor& x, const Tensor& grid, Interpolation mode = Interpolation::bilinear,
                   GridPadding padding = GridPadding::zeros, bool align_corners = false);

}  // namespace orbitgrad
