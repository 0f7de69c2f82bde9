// Expansion, what every library does: the base filters become a bank of a plain convolution with order times the fields
// on both sides. The opponent of the other implementations, and the choice where the dense form is faster.
#pragma once

#include "kernels/group_conv2d/group_conv2d.hpp"

namespace orbitgrad::kernels {

/// bank[k order + s, c in_order + t, u] = w[k, c, h_s^-1 h_t, h_s^-1 u]: w_size() order elements.
template <class T>
struct ExpandFilter {
  using Problem = GroupConv2dProblem;
  using Launch = void(const Problem&, const T* w, T* bank);
  static constexpr std::string_view name = "group_conv2d.expand_filter";
};
/// The transpose: dw[k, c, g, v] = sum of the order entries of the bank's gradient that read it, in the order of s.
template <class T>
struct SumFilterOrbits {
  using Problem = GroupConv2dProblem;
  using Launch = void(const Problem&, const T* bank_gradient, T* dw);
  static constexpr std::string_view name = "group_conv2d.sum_filter_orbits";
};

namespace cpu {

/// The plain convolution on channels k order + s and c in_order + t.
Conv2dProblem expanded_problem(const GroupConv2dProblem& problem);

/// ExpandFilter and SumFilterOrbits on the cpu.
template <class T>
void expand_filter(const GroupConv2dProblem& problem, const T* w, T* bank);
template <class T>
void sum_filter_orbits(const GroupConv2dProblem& problem, const T* bank_gradient, T* dw);

template <class T>
void expanded_forward(const GroupConv2dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y);
template <class T>
void expanded_input_gradient(const GroupConv2dProblem& problem, const T* dy, const T* w, T* dx);
template <class T>
void expanded_filter_gradient(const GroupConv2dProblem& problem, const T* x, const T* dy, T* dw);

}  // namespace cpu
}  // namespace orbitgrad::kernels
