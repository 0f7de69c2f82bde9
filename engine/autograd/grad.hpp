// Reverse-mode differentiation: walks the graph of nodes from outputs to inputs in topological order and computes only
// the gradients that are asked for.
#pragma once

#include <span>
#include <vector>

#include "engine/autograd/node.hpp"
#include "engine/tensor.hpp"

namespace orbitgrad {

struct GradOptions {
  /// Records the backward itself, so that the gradients can be differentiated again.
  bool create_graph = false;
  /// Keeps saved tensors for another backward through the same graph. create_graph implies it.
  bool retain_graph = false;
  /// An input the outputs do not depend on gives an undefined gradient instead of an error.
  bool allow_unused = false;
  /// The gradients of the outputs; empty means ones, which outputs of one element only may use.
  std::vector<Tensor> output_gradients = {};
};

/// d(sum of outputs, weighted by output_gradients) / d(inputs), one tensor per input, of its shape and dtype.
std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options = {});

/// The same at nodes, where the walk ends: they are taken as independent of one another. Undefined where the output
/// does not depend on a node.
std::vector<Tensor> gradients_at(const Tensor& output, const Tensor& output_gradient, std::span<Node* const> ends,
                                 bool create_graph);

/// Adds the gradient of `output` to grad() of every leaf it depends on. inputs of GradOptions do not apply.
void backward(const Tensor& output, const GradOptions& options = {});

/// Sets grad() of these leaves to undefined.
void clear_gradients(std::vector<Tensor>& leaves);

}  // namespace orbitgrad
