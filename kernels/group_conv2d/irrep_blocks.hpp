// Irrep blocks, the group convolution below the dense arithmetic: the input is Fourier transformed over the group while
// it is lowered, each irreducible representation is one small matrix product, and the sums are transformed back where
// they are written. Why that is the same convolution: irrep_transform.hpp.
#pragma once

#include "kernels/group_conv2d/group_conv2d.hpp"

namespace orbitgrad::kernels::cpu {

/// p1, p2, pm, p4 and p4m in our numbering. The input gradient of a lifting layer is no group signal: it is not ours.
bool irrep_blocks_supports(const GroupConv2dProblem& problem);
bool irrep_blocks_supports_input_gradient(const GroupConv2dProblem& problem);

/// The forward is equivariant bit for bit.
template <class T>
void irrep_blocks_forward(const GroupConv2dProblem& problem, const T* x, const T* w, const T* bias_or_null, T* y);
template <class T>
void irrep_blocks_input_gradient(const GroupConv2dProblem& problem, const T* dy, const T* w, T* dx);
template <class T>
void irrep_blocks_filter_gradient(const GroupConv2dProblem& problem, const T* x, const T* dy, T* dw);

}  // namespace orbitgrad::kernels::cpu
