// Gather by saved index along one axis, and its adjoint, an ordered scatter:
//   y[o, k, i] = x[o, index[o, k, i], i]          dx[o, index[o, k, i], i] += dy[o, k, i]
// The derivative of every maximum is this pair: pooling over pixels has inner = 1 and size = H W, pooling over a group
// of S elements on P pixels has size = S and inner = P. Each is the adjoint of the other, so every derivative exists.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// x, dx: [outer, size, inner]; y, dy, index: [outer, picks, inner]. An index is in [0, size), or negative for "nothing
/// was picked": then the gather gives 0 and the scatter adds nothing.
struct GatherAxisProblem {
  std::int64_t outer = 0;
  std::int64_t size = 0;
  std::int64_t picks = 0;
  std::int64_t inner = 1;

  ORBITGRAD_HOST_DEVICE std::int64_t input_count() const { return outer * size * inner; }
  ORBITGRAD_HOST_DEVICE std::int64_t output_count() const { return outer * picks * inner; }
  std::int64_t flops() const { return output_count(); }
  std::int64_t bytes(std::int64_t element_size) const {
    return input_count() * element_size + output_count() * (element_size + 8);
  }
};

/// Position in [size, inner] of pick `index` of column `inner_position`.
ORBITGRAD_HOST_DEVICE inline std::int64_t gather_axis_source(std::int64_t index, std::int64_t inner_position,
                                                             std::int64_t inner) {
  return index * inner + inner_position;
}

template <class T>
struct GatherAxis {
  using Problem = GatherAxisProblem;
  using Launch = void(const Problem&, const T* x, const std::int64_t* index, T* y);
  static constexpr std::string_view name = "gather_axis.gather";
};

template <class T>
struct ScatterAddAxis {
  using Problem = GatherAxisProblem;
  using Launch = void(const Problem&, const T* dy, const std::int64_t* index, T* dx);
  static constexpr std::string_view name = "gather_axis.scatter_add";
};

namespace cpu {

template <class T>
void gather_axis(const GatherAxisProblem& problem, const T* x, const std::int64_t* index, T* y);

/// Overwrites all of dx; adds in order of increasing k, so the bits do not depend on the threads.
template <class T>
void scatter_add_axis(const GatherAxisProblem& problem, const T* dy, const std::int64_t* index, T* dx);

}  // namespace cpu
}  // namespace orbitgrad::kernels
