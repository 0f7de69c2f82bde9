// Orbit gather, the group convolution that never expands a filter: one lowered block of the input serves every output
// element s, which reads its rows through a permutation while the base filter is walked in its own order. The order of
// additions therefore depends on neither s nor the position, and the forward is equivariant bit for bit.
#pragma once

#include "kernels/group_conv2d/group_conv2d.hpp"

namespace orbitgrad::kernels::cpu {

bool orbit_gather_supports(const GroupConv2dProblem& problem);

template <class T>
void orbit_gather_forward(const GroupConv2dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y);
template <class T>
void orbit_gather_input_gradient(const GroupConv2dProblem& problem, const T* dy, const T* w, T* dx);
template <class T>
void orbit_gather_filter_gradient(const GroupConv2dProblem& problem, const T* x, const T* dy, T* dw);

}  // namespace orbitgrad::kernels::cpu
