// The graph isomorphism layer: Xu, Hu, Leskovec, Jegelka, "How powerful are graph neural networks?" (2019), eq. 4.1:
//   h_i' = f((1 + epsilon) h_i + sum over edges j -> i of h_j).
#pragma once

#include "nn/graph.hpp"
#include "nn/module.hpp"

namespace orbitgrad::nn {

/// `function` is applied to each node, [nodes, in] -> [nodes, out]: usually a perceptron of two dense layers. Child nn
/// and eps [1], which starts as 0 and is a parameter, or a buffer if it is not learned: PyTorch Geometric's names.
class GinLayer final : public Module {
 public:
  explicit GinLayer(std::shared_ptr<Module> function, bool learn_epsilon = true, DType dtype = DType::float32);
  /// x [nodes, in] -> [nodes, out].
  Tensor pass_messages(const Tensor& x, const Graph& graph, const Pass& pass = {});

 private:
  Tensor epsilon_;
  std::shared_ptr<Module> function_;
};

}  // namespace orbitgrad::nn
