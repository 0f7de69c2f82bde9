// Plain convolution without a library, and what its three ops share: every op is a correlation of step one over planes
// that are copied with their padding, so that a tap is one offset and a row of outputs reads neighbours. A stride s
// cuts an image into s x s planes (forward, filter gradient) or the result into s x s parts (input gradient).
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/conv2d/conv2d.hpp"

namespace orbitgrad::kernels::cpu {

template <class T>
void direct_forward(const Conv2dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y);
template <class T>
void direct_input_gradient(const Conv2dProblem& problem, const T* dy, const T* w, T* dx);
template <class T>
void direct_filter_gradient(const Conv2dProblem& problem, const T* x, const T* dy, T* dw);

/// One axis of a tap: it reads entry i + shift of the plane `phase` for output entry i; entry j of that plane is entry
/// j step + phase of the image.
struct TapAxis {
  std::int64_t phase, shift;
};
inline TapAxis forward_tap(std::int64_t tap, std::int64_t stride, std::int64_t padding, std::int64_t dilation) {
  const std::int64_t first = tap * dilation - padding, phase = (first % stride + stride) % stride;
  return {phase, (first - phase) / stride};
}

struct Tap {
  TapAxis row, column;
  std::int64_t filter;  // position in a filter's kernel_height kernel_width entries
};

/// All taps of a forward convolution.
std::vector<Tap> forward_taps(const Conv2dProblem& problem);

/// Copies of planes: which part of an image they hold and where a tap finds its first value.
struct PaddedPlanes {
  std::int64_t height, width, row_step, column_step;  // of an image; how far apart a plane's entries are in it
  std::int64_t first_row = 0, first_column = 0;       // smallest shifts
  std::int64_t rows = 0, pitch = 0;                   // of a plane

  /// For `out_rows` x `out_columns` outputs at a time; the shifts are those of the taps.
  PaddedPlanes(std::int64_t image_height, std::int64_t image_width, std::int64_t step_of_rows,
               std::int64_t step_of_columns, const std::vector<Tap>& taps, std::int64_t out_rows,
               std::int64_t out_columns);

  std::int64_t planes() const { return row_step * column_step; }
  std::int64_t channel_size() const { return planes() * rows * pitch; }
  std::int64_t offset(const Tap& tap) const {
    const std::int64_t plane = tap.row.phase * column_step + tap.column.phase;
    return (plane * rows + tap.row.shift - first_row) * pitch + tap.column.shift - first_column;
  }

  /// to[channel][plane][rows][pitch] from `channels` images, zeros outside of them. Row 0 is out_row + first_row.
  template <class T>
  void copy(const T* images, std::int64_t channels, std::int64_t out_row, T* to) const {
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t plane = 0; plane < planes(); ++plane) {
        const std::int64_t row_phase = plane / column_step, column_phase = plane % column_step;
        const std::int64_t columns = (width - column_phase + column_step - 1) / column_step;
        const std::int64_t begin = std::min(std::max<std::int64_t>(0, -first_column), pitch);
        const std::int64_t end = std::max(begin, std::min(pitch, columns - first_column));
        for (std::int64_t r = 0; r < rows; ++r, to += pitch) {
          const std::int64_t row = (out_row + first_row + r) * row_step + row_phase;
          if (row < 0 || row >= height) {
            std::fill(to, to + pitch, T{0});
            continue;
          }
          const T* from = images + (c * height + row) * width + first_column * column_step + column_phase;
          std::fill(to, to + begin, T{0});
          if (column_step == 1)
            std::copy(from + begin, from + end, to + begin);
          else
            for (std::int64_t i = begin; i < end; ++i) to[i] = from[i * column_step];
          std::fill(to + end, to + pitch, T{0});
        }
      }
  }
};

}  // namespace orbitgrad::kernels::cpu
