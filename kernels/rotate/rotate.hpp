// Bilinear rotation of images by an angle each, counter-clockwise on the screen, about the centre ((H-1)/2, (W-1)/2),
// zero outside. With (r, c) the offset from the centre, row down, an output pixel reads the input at
//   source = (c sin a + r cos a, c cos a - r sin a)
// so the angle pi/2 is the index rotation R: (row, col) -> (-col, row). Linear in the image; the adjoint scatters or,
// for each input pixel, gathers from rotation_readers.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// x, y: [batch, channels, height, width]; angles: [batch], radians, double whatever the images are.
struct RotateProblem {
  std::int64_t batch = 0, channels = 0, height = 0, width = 0;
  const double* angles = nullptr;

  std::int64_t count() const { return batch * channels * height * width; }
  std::int64_t flops() const { return 7 * count(); }
  std::int64_t bytes(std::int64_t element_size) const { return 2 * element_size * count(); }
};

/// The four input pixels that one output pixel reads. A tap outside the image has weight 0 and offset 0.
template <class T>
struct BilinearTaps {
  std::int64_t offset[4];
  T weight[4];
};

/// Taps of output pixel (row, col) for a rotation with the given cosine and sine.
template <class T>
ORBITGRAD_HOST_DEVICE inline BilinearTaps<T> rotation_taps(std::int64_t row, std::int64_t col, std::int64_t height,
                                                           std::int64_t width, double cosine, double sine) {
  const double centre_row = 0.5 * static_cast<double>(height - 1), centre_col = 0.5 * static_cast<double>(width - 1);
  const double r = static_cast<double>(row) - centre_row, c = static_cast<double>(col) - centre_col;
  const double source_row = c * sine + r * cosine + centre_row, source_col = c * cosine - r * sine + centre_col;
  const double floor_row = std::floor(source_row), floor_col = std::floor(source_col);
  const double part_row = source_row - floor_row, part_col = source_col - floor_col;
  BilinearTaps<T> taps;
  for (int tap = 0; tap < 4; ++tap) {
    const int down = tap / 2, right = tap % 2;
    const double tap_row = floor_row + down, tap_col = floor_col + right;
    const bool inside = tap_row >= 0 && tap_col >= 0 && tap_row <= static_cast<double>(height - 1) &&
                        tap_col <= static_cast<double>(width - 1);
    const double weight = (down ? part_row : 1 - part_row) * (right ? part_col : 1 - part_col);
    taps.offset[tap] =
        inside ? static_cast<std::int64_t>(tap_row) * width + static_cast<std::int64_t>(tap_col) : std::int64_t{0};
    taps.weight[tap] = inside ? static_cast<T>(weight) : T(0);
  }
  return taps;
}

/// A rectangle of pixels, ends excluded.
struct PixelBox {
  std::int64_t row_begin, row_end, col_begin, col_end;
};

/// Holds every output pixel that can read input pixel (row, col): the rotation back of the square of the sources less
/// than one pixel away, at most 4 by 4.
ORBITGRAD_HOST_DEVICE inline PixelBox rotation_readers(std::int64_t row, std::int64_t col, std::int64_t height,
                                                       std::int64_t width, double cosine, double sine) {
  const double centre_row = 0.5 * static_cast<double>(height - 1), centre_col = 0.5 * static_cast<double>(width - 1);
  const double r = static_cast<double>(row) - centre_row, c = static_cast<double>(col) - centre_col;
  const double output_row = r * cosine - c * sine + centre_row, output_col = r * sine + c * cosine + centre_col;
  const double reach = std::abs(cosine) + std::abs(sine) + 1e-6;  // with room for rounding
  const auto first = [](double position) {
    return position < 0 ? std::int64_t{0} : static_cast<std::int64_t>(std::ceil(position));
  };
  const auto last = [](double position, std::int64_t size) {
    const auto end = static_cast<std::int64_t>(std::floor(position)) + 1;
    return end < size ? end : size;
  };
  return {first(output_row - reach), last(output_row + reach, height), first(output_col - reach),
          last(output_col + reach, width)};
}

template <class T>
struct RotateForward {
  using Problem = RotateProblem;
  using Launch = void(const Problem&, const T* x, T* y);
  static constexpr std::string_view name = "rotate.forward";
};

template <class T>
struct RotateAdjoint {
  using Problem = RotateProblem;
  using Launch = void(const Problem&, const T* dy, T* dx);
  static constexpr std::string_view name = "rotate.adjoint";
};

namespace cpu {

template <class T>
void rotate_forward(const RotateProblem& problem, const T* x, T* y);

/// The transpose of rotate_forward, with the same weights. Overwrites dx; adds in raster order of the output.
template <class T>
void rotate_adjoint(const RotateProblem& problem, const T* dy, T* dx);

}  // namespace cpu
}  // namespace orbitgrad::kernels
