// An op of the catalogue with its first and second derivatives on given tensors.
#pragma once

#include "engine/catalogue/catalogue.hpp"

namespace orbitgrad::catalogue {

struct Evaluation {
  Tensors results;    // "y", ... as the op names them
  Tensors gradients;  // "dx", "dw", ...: of <cotangent, y> by each argument that has a derivative
  Tensors second;     // "g_dy", "g_x", ...: of sum <dx, vx> by the cotangent and by each of these arguments
};

/// Runs the op; with a cotangent of the first result's shape, its gradients; with vectors for the gradients (by their
/// argument's name, of its shape, any of them), theirs. Error of the op: a vector without a cotangent, a tensor of
/// another shape or dtype than what it stands for, an op that has no derivative of that order.
Evaluation evaluate(const Op& op, const Tensors& tensors, const Settings& settings, const Tensor& cotangent = {},
                    const Tensors& vectors = {});

}  // namespace orbitgrad::catalogue
