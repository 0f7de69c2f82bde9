// Walks several strided views of one shape at once. Neighbouring axes that are contiguous in every view are merged, so
// dense arrays become one long loop and a transposed or broadcast one keeps its innermost axis as the inner loop.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/enough_work.hpp"
#include "kernels/parallel.hpp"
#include "kernels/view.hpp"

namespace orbitgrad::kernels {

inline constexpr std::int64_t elementwise_grain = 2 * enough_elements;

template <int Operands>
struct StridedLoop {
  int rank = 1;
  std::int64_t size[max_rank] = {1};
  std::array<std::int64_t, Operands> stride[max_rank] = {};

  /// Sizes and one stride array per operand, all of `full_rank` axes.
  StridedLoop(int full_rank, const std::int64_t* sizes, const std::array<const std::int64_t*, Operands>& strides) {
    rank = 0;
    for (int axis = 0; axis < full_rank; ++axis) {
      if (sizes[axis] == 1) continue;
      bool merges = rank > 0;
      for (int n = 0; n < Operands && merges; ++n) merges = stride[rank - 1][n] == strides[n][axis] * sizes[axis];
      if (merges)
        size[rank - 1] *= sizes[axis];
      else
        size[rank++] = sizes[axis];
      for (int n = 0; n < Operands; ++n) stride[rank - 1][n] = strides[n][axis];
    }
    if (rank == 0) {
      rank = 1;
      size[0] = 1;
      stride[0] = {};
    }
  }

  std::int64_t numel() const {
    std::int64_t count = 1;
    for (int axis = 0; axis < rank; ++axis) count *= size[axis];
    return count;
  }

  const std::array<std::int64_t, Operands>& inner_stride() const { return stride[rank - 1]; }

  /// Calls part(loop, offsets) for loops of at most `most` >= 1 elements that together are this one; operand n of a
  /// part starts at offsets[n].
  template <class Part>
  void split(std::int64_t most, Part&& part, std::array<std::int64_t, Operands> offset = {}) const {
    if (numel() <= most) return part(*this, offset);
    int axis = 0;
    while (size[axis] == 1) ++axis;
    StridedLoop half = *this;
    half.size[axis] = size[axis] / 2;
    half.split(most, part, offset);
    for (int n = 0; n < Operands; ++n) offset[n] += half.size[axis] * stride[axis][n];
    half.size[axis] = size[axis] - half.size[axis];
    half.split(most, part, offset);
  }

  /// Calls row(offsets, count) for pieces of rows along the last axis; operand n starts at offsets[n] and steps by
  /// inner_stride()[n]. Pieces go over threads.
  template <class Row>
  void run(Row&& row) const {
    parallel_for(numel(), elementwise_grain, [&](std::int64_t begin, std::int64_t end) { run_range(begin, end, row); });
  }

  template <class Row>
  void run_range(std::int64_t begin, std::int64_t end, Row&& row) const {
    if (begin >= end) return;
    std::int64_t index[max_rank];
    std::array<std::int64_t, Operands> offset{};
    std::int64_t rest = begin;
    for (int axis = rank - 1; axis >= 0; --axis) {
      index[axis] = rest % size[axis];
      rest /= size[axis];
      for (int n = 0; n < Operands; ++n) offset[n] += index[axis] * stride[axis][n];
    }
    for (std::int64_t done = begin;;) {
      const std::int64_t count = std::min(size[rank - 1] - index[rank - 1], end - done);
      row(offset, count);
      done += count;
      if (done >= end) return;
      // A row ended: carry into the outer axes.
      for (int n = 0; n < Operands; ++n) offset[n] -= index[rank - 1] * stride[rank - 1][n];
      index[rank - 1] = 0;
      for (int axis = rank - 2; axis >= 0; --axis) {
        for (int n = 0; n < Operands; ++n) offset[n] += stride[axis][n];
        if (++index[axis] < size[axis]) break;
        for (int n = 0; n < Operands; ++n) offset[n] -= size[axis] * stride[axis][n];
        index[axis] = 0;
      }
    }
  }
};

}  // namespace orbitgrad::kernels
