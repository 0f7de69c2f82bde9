#include "models/egnn.hpp"

#include <fmt/format.h>

#include <cmath>

#include "engine/ops/affine.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/update.hpp"

namespace orbitgrad::models {

namespace {

constexpr std::string_view op = "Egnn";

void require_matrix(std::string_view what, const Tensor& x, std::int64_t rows, std::int64_t columns) {
  require(x.defined() && x.rank() == 2 && x.size(0) == rows && x.size(1) == columns, op,
          "{} must be [{}, {}], got {}. Check the graph and the options of the network.", what, rows, columns,
          x.defined() ? x.shape().to_string() : "an undefined tensor");
}

}  // namespace

EgnnLayer::Perceptron EgnnLayer::add_perceptron(const std::string& name, std::int64_t in, std::int64_t out,
                                                RandomKey key, bool last_bias) {
  const auto list = add_child<nn::Sequential>(name);
  const std::int64_t hidden = options_.hidden;
  Perceptron perceptron{
      std::make_shared<nn::Linear>(in, hidden, key.split(0), nn::LayerOptions{.dtype = options_.dtype}),
      std::make_shared<nn::Linear>(hidden, out, key.split(1),
                                   nn::LayerOptions{.bias = last_bias, .dtype = options_.dtype})};
  list->add("0", perceptron.first).add("2", perceptron.second);
  return perceptron;
}

EgnnLayer::EgnnLayer(RandomKey key, const EgnnOptions& options) : options_(options) {
  const std::int64_t hidden = options.hidden;
  edge_ = add_perceptron("edge_mlp", 2 * hidden + 1 + options.edge_attributes, hidden, key.split("edge"), true);
  for (const nn::NamedTensor& part : edge_.first->named_parameters())
    (part.name == "weight" ? edge_weight_ : edge_bias_) = part.tensor;
  node_ = add_perceptron("node_mlp", 2 * hidden, hidden, key.split("node"), true);
  coordinate_ = add_perceptron("coord_mlp", hidden, 1, key.split("coordinate"), false);
  const double bound = 0.001 * std::sqrt(6.0 / static_cast<double>(hidden + 1));
  Tensor last = coordinate_.second->state().at("weight");
  assign(last, uniform(last.shape(), key.split("last"), -bound, bound, options.dtype));
  if (options.velocity) velocity_ = add_perceptron("coord_mlp_vel", hidden, 1, key.split("velocity"), true);
}

Tensor EgnnLayer::messages(const Tensor& features, const Tensor& squared_distance, const Tensor& edge_attributes,
                           const nn::Graph& graph) const {
  // The first layer is linear in each of its inputs: what depends on one node is multiplied once, not for every edge.
  const std::int64_t hidden = options_.hidden;
  const Tensor of_target = affine(features, narrow(edge_weight_, 1, 0, hidden));
  const Tensor of_source = affine(features, narrow(edge_weight_, 1, hidden, hidden));
  Tensor of_edge = squared_distance;
  if (options_.edge_attributes > 0) {
    const Tensor parts[] = {squared_distance, edge_attributes};
    of_edge = concat(parts, 1);
  }
  of_edge = affine(of_edge, narrow(edge_weight_, 1, 2 * hidden, 1 + options_.edge_attributes), edge_bias_);
  return silu((*edge_.second)(silu(graph.at_targets(of_target) + graph.at_sources(of_source) + of_edge)));
}

EgnnState EgnnLayer::update(const EgnnState& state, const Tensor& velocity, const Tensor& edge_attributes,
                            const nn::Graph& graph) const {
  const auto apply = [](const Perceptron& f, const Tensor& x) { return (*f.second)(silu((*f.first)(x))); };
  const auto& [h, x] = state;
  const Tensor apart = graph.at_targets(x) - graph.at_sources(x);
  const Tensor message = messages(h, sum(square(apart), {1}, true), edge_attributes, graph);
  Tensor moved = x + graph.gather(apart * apply(coordinate_, message), nn::Aggregation::mean);
  if (options_.velocity) moved = moved + apply(velocity_, h) * velocity;
  const Tensor parts[] = {h, graph.gather(message)};
  const Tensor changed = apply(node_, concat(parts, 1));
  return {options_.residual ? h + changed : changed, moved};
}

Egnn::Egnn(RandomKey key, const EgnnOptions& options) : options_(options) {
  require(options.layers > 0 && options.edge_attributes >= 0, op,
          "needs one layer or more and no negative number of edge attributes, got {} and {}. Correct them.",
          options.layers, options.edge_attributes);
  embedding_ = add_child<nn::Linear>("embedding", options.in, options.hidden, key.split("embedding"),
                                     nn::LayerOptions{.dtype = options.dtype});
  for (std::int64_t i = 0; i < options.layers; ++i)
    layers_.push_back(
        add_child<EgnnLayer>(fmt::format("gcl_{}", i), key.split(static_cast<std::uint64_t>(i)), options));
}

EgnnState Egnn::move(const Tensor& features, const Tensor& coordinates, const Tensor& velocity,
                     const Tensor& edge_attributes, const nn::Graph& graph) const {
  require_matrix("the features", features, graph.nodes(), options_.in);
  require(coordinates.defined() && coordinates.rank() == 2, op, "the coordinates must be [nodes, n]. Reshape them.");
  require_matrix("the coordinates", coordinates, graph.nodes(), coordinates.size(1));
  if (options_.velocity) require_matrix("the velocity", velocity, graph.nodes(), coordinates.size(1));
  if (options_.edge_attributes > 0)
    require_matrix("the edge attributes", edge_attributes, graph.edges(), options_.edge_attributes);
  EgnnState state{(*embedding_)(features), coordinates};
  for (const auto& layer : layers_) state = layer->update(state, velocity, edge_attributes, graph);
  return state;
}

}  // namespace orbitgrad::models
