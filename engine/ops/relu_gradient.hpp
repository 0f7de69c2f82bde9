// The derivative of a ReLU as an op of its own, for every node that ends in one. Included by op sources only.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

/// dy where y > 0, else 0; y is the output of the ReLU. Linear in dy, and its own adjoint; no gradient flows to y.
Tensor relu_gradient(const Tensor& dy, const Tensor& y);

}  // namespace orbitgrad
