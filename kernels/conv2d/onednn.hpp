// What conv2d/onednn.cpp offers to conv2d/cpu.cpp; exists only where the library was built with oneDNN.
#pragma once

#include "kernels/conv2d/conv2d.hpp"

namespace orbitgrad::kernels::cpu {

enum class ConvolutionOp { forward, input_gradient, filter_gradient };

/// True if oneDNN has this op for this problem (it has none without elements).
template <ConvolutionOp op>
bool onednn_supports(const Conv2dProblem& problem);
void onednn_forward(const Conv2dProblem& problem, const float* x, const float* w, const float* bias_or_null, float* y);
void onednn_input_gradient(const Conv2dProblem& problem, const float* dy, const float* w, float* dx);
void onednn_filter_gradient(const Conv2dProblem& problem, const float* x, const float* dy, float* dw);

}  // namespace orbitgrad::kernels::cpu
