#include "models/gin.hpp"

#include <fmt/format.h>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"

namespace orbitgrad::models {

Gin::Gin(RandomKey key, const GinOptions& options) : options_(options) {
  require(options.layers > 0, "Gin", "needs one layer or more, got {}. The paper takes 4.", options.layers);
  require(options.dropout >= 0 && options.dropout < 1, "Gin", "the dropout is {}. Take a probability in [0, 1).",
          options.dropout);
  const auto convs = add_child<nn::Sequential>("convs"), norms = add_child<nn::Sequential>("norms"),
             predictions = add_child<nn::Sequential>("predictions");
  const nn::LayerOptions dense{.dtype = options.dtype}, dense_with_relu{.gain = 2, .dtype = options.dtype};
  const nn::BatchNormOptions norm{.dtype = options.dtype};
  std::int64_t width = options.in;
  for (std::int64_t i = 0; i <= options.layers; ++i) {
    const std::string number = fmt::format("{}", i);
    const RandomKey layer_key = key.split(static_cast<std::uint64_t>(i));
    predictions_.push_back(std::make_shared<nn::Linear>(width, options.classes, layer_key.split("prediction"), dense));
    predictions->add(number, predictions_.back());
    if (i == options.layers) break;
    auto perceptron = std::make_shared<nn::Sequential>();
    perceptron->add<nn::Linear>("0", width, options.hidden, layer_key.split("first"), dense_with_relu);
    perceptron->add<nn::BatchNorm>("1", options.hidden, norm).add<nn::Relu>("2");
    perceptron->add<nn::Linear>("3", options.hidden, options.hidden, layer_key.split("second"), dense_with_relu);
    layers_.push_back(std::make_shared<nn::GinLayer>(std::move(perceptron), options.learn_epsilon, options.dtype));
    convs->add(number, layers_.back());
    norms_.push_back(std::make_shared<nn::BatchNorm>(options.hidden, norm));
    norms->add(number, norms_.back());
    width = options.hidden;
  }
}

Tensor Gin::classify(const Tensor& x, const nn::Graph& graph, const nn::Pass& pass) {
  require(x.rank() == 2 && x.size(1) == options_.in, "Gin", "takes [nodes, {}], got {}. Make the network for {}.",
          options_.in, x.shape(), "the features of the nodes");
  Tensor features = x, logits;
  for (std::size_t i = 0; i < predictions_.size(); ++i) {
    const nn::Pass own = pass.child(i);
    Tensor part = (*predictions_[i])(graph.pool(features, options_.readout), own);
    if (pass.training && options_.dropout > 0) part = dropout(part, options_.dropout, own.key.split("dropout"));
    logits = logits.defined() ? logits + part : part;
    if (i < layers_.size())
      features = relu((*norms_[i])(layers_[i]->pass_messages(features, graph, own.child(0)), own.child(1)));
  }
  return logits;
}

}  // namespace orbitgrad::models
