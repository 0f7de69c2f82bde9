// Graph isomorphism networks for whole graphs: Xu, Hu, Leskovec, Jegelka, "How powerful are graph neural networks?"
// (2019), sections 4 and 7. Each layer is a GIN layer with a perceptron of two dense layers, batch norm and ReLU; the
// logits are the sum over all layers, the input among them, of a linear map of the nodes' features added up (eq. 4.2).
#pragma once

#include <memory>
#include <vector>

#include "nn/gin.hpp"
#include "nn/layers.hpp"

namespace orbitgrad::models {

struct GinOptions {
  std::int64_t in = 1;
  std::int64_t hidden = 64;
  std::int64_t classes = 2;
  std::int64_t layers = 4;  ///< the paper's five with the input
  double dropout = 0.5;     ///< of each layer's logits, in training passes
  bool learn_epsilon = true;
  nn::Aggregation readout = nn::Aggregation::sum;  ///< over the nodes of a graph: sum or mean
  DType dtype = DType::float32;
};

/// Children convs.i (nn.GinLayer), norms.i, predictions.i. Logits do not depend on the order of nodes or edges.
class Gin final : public nn::Module {
 public:
  Gin(RandomKey key, const GinOptions& options = {});
  /// x [nodes, in] -> logits [graphs, classes].
  Tensor classify(const Tensor& x, const nn::Graph& graph, const nn::Pass& pass = {});

 private:
  GinOptions options_;
  std::vector<std::shared_ptr<nn::GinLayer>> layers_;
  std::vector<std::shared_ptr<nn::BatchNorm>> norms_;
  std::vector<std::shared_ptr<nn::Linear>> predictions_;
};

}  // namespace orbitgrad::models
