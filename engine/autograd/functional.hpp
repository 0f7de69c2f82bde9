// Derivatives of functions of tensors. With J = df/dx: vjp gives J^T u by one reverse pass, jvp gives J v by two (the
// first is linear in u, and its own derivative by u is J), hvp gives H v of a scalar f, jacobian and hessian give all
// entries. f may use other tensors; it is differentiated by its arguments only, each taken as independent.
#pragma once

#include <functional>
#include <vector>

#include "engine/tensor.hpp"

namespace orbitgrad {

using TensorFunction = std::function<Tensor(const std::vector<Tensor>&)>;

struct DerivativeOptions {
  /// The result can be differentiated again: by the inputs that require gradients, and by what else f uses.
  bool create_graph = false;
};

struct Pullback {
  Tensor output;                  // f(inputs)
  std::vector<Tensor> gradients;  // one per input, zeros where f does not depend on it
};
/// f(x) and J^T u; u has the shape of f(x), or is undefined for ones on a single element. Error: f(x) has another
/// shape, or an input is not floating.
Pullback vjp(const TensorFunction& f, const std::vector<Tensor>& inputs, const Tensor& u = {},
             const DerivativeOptions& options = {});

struct Pushforward {
  Tensor output;   // f(inputs)
  Tensor tangent;  // of its shape
};
/// f(x) and J v; one tangent per input, of its shape.
Pushforward jvp(const TensorFunction& f, const std::vector<Tensor>& inputs, const std::vector<Tensor>& tangents,
                const DerivativeOptions& options = {});

/// H v = d<df/dx, v>/dx of an f with one element: one tensor per input.
std::vector<Tensor> hvp(const TensorFunction& f, const std::vector<Tensor>& inputs, const std::vector<Tensor>& vectors,
                        const DerivativeOptions& options = {});

/// All first derivatives: for input i a tensor of shape [f(x) ..., x_i ...]. One reverse pass per element of f(x).
std::vector<Tensor> jacobian(const TensorFunction& f, const std::vector<Tensor>& inputs,
                             const DerivativeOptions& options = {});

/// All second derivatives of an f with one element: blocks[i][j] of shape [x_i ..., x_j ...].
std::vector<std::vector<Tensor>> hessian(const TensorFunction& f, const std::vector<Tensor>& inputs,
                                         const DerivativeOptions& options = {});

}  // namespace orbitgrad
