// The CPU implementations of group_conv3d by name; group_conv3d/cpu.cpp registers them and chooses.
#pragma once

#include "kernels/group_conv3d/group_conv3d.hpp"

namespace orbitgrad::kernels::cpu {

/// `orbit_gather`: dense arithmetic, a filter that is never expanded.
bool orbit_gather3d_supports(const GroupConv3dProblem& problem);
template <class T>
void orbit_gather3d_forward(const GroupConv3dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y);
template <class T>
void orbit_gather3d_input_gradient(const GroupConv3dProblem& problem, const T* dy, const T* w, T* dx);
template <class T>
void orbit_gather3d_filter_gradient(const GroupConv3dProblem& problem, const T* x, const T* dy, T* dw);

/// `irrep_blocks`: Fourier transform of the group, one small product per irrep. The input gradient is not for lifting.
bool irrep_blocks3d_supports(const GroupConv3dProblem& problem);
bool irrep_blocks3d_supports_input_gradient(const GroupConv3dProblem& problem);
template <class T>
void irrep_blocks3d_forward(const GroupConv3dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y);
template <class T>
void irrep_blocks3d_input_gradient(const GroupConv3dProblem& problem, const T* dy, const T* w, T* dx);
template <class T>
void irrep_blocks3d_filter_gradient(const GroupConv3dProblem& problem, const T* x, const T* dy, T* dw);

}  // namespace orbitgrad::kernels::cpu
