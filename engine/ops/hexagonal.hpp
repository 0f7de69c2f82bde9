// The hexagonal lattice in axial coordinates. A picture of radius R is an array [2R + 1, 2R + 1] whose pixel (row,
// col), counted from the centre, stands at col + row / 2 to the right and row sqrt(3) / 2 down; the domain is the
// hexagon max(|row|, |col|, |row + col|) <= R. A turn by 60 degrees, counter-clockwise on the screen, is (row, col) ->
// (-col, row + col). Groups p6 and p6m (groups/lattice_group.hpp) act on it in lift_conv2d, group_conv2d, act_on_image
// and act_on_regular. Source: Hoogeboom, Peters, Cohen and Welling, HexaConv (ICLR 2018).
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

/// 1 on the hexagon of that radius, 0 in the corners of its array: [2 radius + 1, 2 radius + 1]. Also the mask of a
/// filter.
Tensor hexagonal_mask(std::int64_t radius, DType dtype = DType::float32, DeviceKind device = default_device());

/// Bilinear values of images x [N, C, H, W] at the places of a hexagon about their centre, `spacing` pixels between
/// neighbours: [N, C, 2 radius + 1, 2 radius + 1]. Zero outside of the image and of the hexagon. Differentiable.
Tensor image_to_hexagonal(const Tensor& x, std::int64_t radius, double spacing = 1);

}  // namespace orbitgrad
