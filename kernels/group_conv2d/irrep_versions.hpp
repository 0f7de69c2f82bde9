// The versions of irrep blocks on a device, from naive to best; cuda.cu registers them. Each computes the forward, the
// gradient by the input (of a group convolution, not of lifting) and the gradient by the filter.
#pragma once

#include "kernels/cuda/device.hpp"
#include "kernels/group_conv2d/group_conv2d.hpp"
#include "kernels/rounded.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

/// A thread an output position of a field, the blocks read as the formula has them.
template <class T>
struct IrrepNaive {
  static void forward(const GroupConv2dProblem& p, const T* x, const T* w, const T* bias_or_null, T* y);
  static void input_gradient(const GroupConv2dProblem& p, const T* dy, const T* w, T* dx);
  static void filter_gradient(const GroupConv2dProblem& p, const T* x, const T* dy, T* dw);
};

/// Tiles of all blocks in shared memory and registers.
template <class T>
struct IrrepBlocks {
  static void forward(const GroupConv2dProblem& p, const T* x, const T* w, const T* bias_or_null, T* y);
  static void input_gradient(const GroupConv2dProblem& p, const T* dy, const T* w, T* dx);
  static void filter_gradient(const GroupConv2dProblem& p, const T* x, const T* dy, T* dw);
};

/// The same on tensor cores, at tf32 or bfloat16: what is rounded are the transformed operands, the sums are float.
struct IrrepMma {
  using Problem = RoundedProblem<GroupConv2dProblem>;
  static void forward(const Problem& p, const float* x, const float* w, const float* bias_or_null, float* y);
  static void input_gradient(const Problem& p, const float* dy, const float* w, float* dx);
  static void filter_gradient(const Problem& p, const float* x, const float* dy, float* dw);
};

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
