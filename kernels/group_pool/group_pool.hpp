// Pooling over the group axis of feature maps [N, C, S, P], or over the cosets of a subgroup:
//   max:   y[o, k, p] = max_u x[o, table[k U + u], p]      (ties: lowest u, so the lowest element of a sorted coset)
//   mean:  y[o, k, p] = 1/U sum_u x[o, table[k U + u], p]
// Pooling over the whole group makes a feature invariant (Cohen & Welling 2016, sec. 6.3); over the cosets g U it keeps
// the part of the symmetry that acts on them.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/gather_axis/gather_axis.hpp"
#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// x: [outer, elements, pixels] with outer = N C and pixels = H W; y, index: [outer, cosets, pixels].
/// table: [cosets, coset_size], entries in [0, elements); null means one coset, the whole group in order, and then
/// cosets = 1 and coset_size = elements. Use whole_group() for that case.
struct GroupPoolProblem {
  std::int64_t outer = 0;
  std::int64_t elements = 0;
  std::int64_t pixels = 0;
  std::int64_t cosets = 1;
  std::int64_t coset_size = 0;
  const std::int32_t* table = nullptr;

  static GroupPoolProblem whole_group(std::int64_t outer, std::int64_t elements, std::int64_t pixels) {
    return {outer, elements, pixels, 1, elements, nullptr};
  }
  std::int64_t flops() const { return outer * cosets * coset_size * pixels; }
  std::int64_t bytes(std::int64_t element_size) const { return element_size * outer * pixels * (elements + cosets); }
  /// The gather that is the derivative of the maximum, to be used with the saved index.
  GatherAxisProblem gather() const { return {outer, elements, cosets, pixels}; }
};

/// The element that member u of a coset is.
ORBITGRAD_HOST_DEVICE inline std::int64_t coset_member(const GroupPoolProblem& problem, std::int64_t coset,
                                                       std::int64_t u) {
  return problem.table ? problem.table[coset * problem.coset_size + u] : u;
}

template <class T>
struct GroupMaxForward {
  using Problem = GroupPoolProblem;
  using Launch = void(const Problem&, const T* x, T* y, std::int64_t* index);
  static constexpr std::string_view name = "group_max.forward";
};

template <class T>
struct GroupMaxBackward {
  using Problem = GroupPoolProblem;
  using Launch = void(const Problem&, const T* dy, const std::int64_t* index, T* dx);
  static constexpr std::string_view name = "group_max.backward";
};

template <class T>
struct GroupMeanForward {
  using Problem = GroupPoolProblem;
  using Launch = void(const Problem&, const T* x, T* y);
  static constexpr std::string_view name = "group_mean.forward";
};

template <class T>
struct GroupMeanAdjoint {
  using Problem = GroupPoolProblem;
  using Launch = void(const Problem&, const T* dy, T* dx);
  static constexpr std::string_view name = "group_mean.adjoint";
};

namespace cpu {

/// index: the winning element, in [0, elements). May be null. NaN wins, as in max_pool2d.
template <class T>
void group_max_forward(const GroupPoolProblem& problem, const T* x, T* y, std::int64_t* index);

/// scatter_add_axis of problem.gather(): overwrites dx.
template <class T>
void group_max_backward(const GroupPoolProblem& problem, const T* dy, const std::int64_t* index, T* dx);

/// Sums in double, in order of u, and divides once.
template <class T>
void group_mean_forward(const GroupPoolProblem& problem, const T* x, T* y);

/// dx[o, s, p] = 1/U sum over the cosets that contain s of dy: a broadcast if the cosets are disjoint.
template <class T>
void group_mean_adjoint(const GroupPoolProblem& problem, const T* dy, T* dx);

}  // namespace cpu
}  // namespace orbitgrad::kernels
