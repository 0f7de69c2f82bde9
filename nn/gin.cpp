#include "nn/gin.hpp"

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"

namespace orbitgrad::nn {

GinLayer::GinLayer(std::shared_ptr<Module> function, bool learn_epsilon, DType dtype) : function_(std::move(function)) {
  const Tensor start = zeros({1}, dtype);
  epsilon_ = learn_epsilon ? register_parameter("eps", start) : register_buffer("eps", start);
  register_child("nn", function_);
}

Tensor GinLayer::pass_messages(const Tensor& x, const Graph& graph, const Pass& pass) {
  require(x.rank() == 2, "GinLayer", "takes [nodes, features], got {}. Reshape it.", x.shape());
  return (*function_)(x + epsilon_ * x + graph.neighbours(x), pass);
}

}  // namespace orbitgrad::nn
