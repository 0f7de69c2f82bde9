// Activation checkpointing: memory for time (Chen et al., 2016). What f computes on the way to its output is freed at
// once and computed again in the backward, to the same bits, since random numbers have explicit keys.
#pragma once

#include "engine/autograd/functional.hpp"

namespace orbitgrad {

/// f(inputs), of which the graph keeps only the inputs. Gradients also reach what else f uses, such as the parameters
/// of a module; all together at most 64 tensors. Derivatives of every order exist. Error in the backward: f gave other
/// values the second time, because a tensor it uses was updated in between or it is no function of what it uses.
Tensor checkpoint(const TensorFunction& f, const std::vector<Tensor>& inputs);

/// Whether this thread computes a checkpointed function for the second time: what measures its inputs, such as running
/// statistics, has seen them already.
bool is_recomputing();

}  // namespace orbitgrad
