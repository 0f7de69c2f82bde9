// A plain convolution by cuDNN at its best: descriptors made once, the algorithm by its own measurements among all it
// has (deterministic or not), float32 without TF32. The opponent of our convolutions on a GPU.
#pragma once

#include <functional>

#include "kernels/conv2d/conv2d.hpp"

namespace orbitgrad::bench {

enum class ConvolutionOp { forward, input_gradient, filter_gradient };

/// The two inputs and the output of the op, in device memory. Empty if this build has no cuDNN.
using PlainConvolution = std::function<void(const float* first, const float* second, float* output)>;

/// The first call tunes. A call throws std::runtime_error with cuDNN's reason.
PlainConvolution tuned_cudnn(ConvolutionOp op, const kernels::Conv2dProblem& problem);

}  // namespace orbitgrad::bench
