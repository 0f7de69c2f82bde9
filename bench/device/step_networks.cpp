#include "bench/device/step_networks.hpp"

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "models/egnn.hpp"
#include "models/gcnn.hpp"
#include "models/mlp.hpp"
#include "models/vit.hpp"
#include "nn/loss.hpp"

namespace orbitgrad::bench {

namespace {

/// Images and labels of ten classes.
StepNetwork classifier(std::shared_ptr<nn::Module> module, const Shape& images, RandomKey key) {
  StepNetwork network{.module = module,
                      .parameters = module->named_parameters(),
                      .inputs = {{"images", normal(images, key.split("images"))},
                                 {"labels", random_integers({images[0]}, key.split("labels"), 10)}},
                      .loss = {}};
  network.loss = [module](const nn::State& inputs, const nn::Pass& pass) {
    return nn::cross_entropy((*module)(inputs.at("images"), pass), inputs.at("labels"));
  };
  return network;
}

/// Where `batch` systems of five charged particles are a while later.
StepNetwork particles(std::int64_t batch, RandomKey key) {
  const auto module = std::make_shared<models::Egnn>(key.split("model"));
  const nn::Graph graph =
      nn::Graph::batch(std::vector<nn::Graph>(static_cast<std::size_t>(batch), nn::Graph::complete(5)));
  const auto random = [&](std::string_view name, std::int64_t columns) {
    return normal({graph.nodes(), columns}, key.split(name));
  };
  const Tensor coordinates = random("coordinates", 3), velocity = random("velocity", 3);
  const Tensor charge = sign(random("charge", 1));
  const Tensor apart = graph.at_targets(coordinates) - graph.at_sources(coordinates);
  const Tensor attributes[] = {graph.at_targets(charge) * graph.at_sources(charge), sum(square(apart), {1}, true)};
  StepNetwork network{.module = module,
                      .parameters = {},
                      .inputs = {{"features", sqrt(sum(square(velocity), {1}, true))},
                                 {"coordinates", coordinates},
                                 {"velocity", velocity},
                                 {"attributes", concat(attributes, 1)},
                                 {"goal", coordinates + velocity * 0.5},
                                 {"source", graph.source()},
                                 {"target", graph.target()}},
                      .loss = {}};
  for (const nn::NamedTensor& part : module->named_parameters())
    if (!part.name.starts_with("gcl_3.node_mlp")) network.parameters.push_back(part);  // moves nothing
  network.loss = [module, nodes = graph.nodes()](const nn::State& inputs, const nn::Pass&) {
    const nn::Graph at_hand(inputs.at("source"), inputs.at("target"), nodes);
    const models::EgnnState moved = module->move(inputs.at("features"), inputs.at("coordinates"), inputs.at("velocity"),
                                                 inputs.at("attributes"), at_hand);
    return nn::mse(moved.coordinates, inputs.at("goal"));
  };
  return network;
}

}  // namespace

StepNetwork step_network(const std::string& name, std::int64_t batch, const std::string& implementation,
                         RandomKey key) {
  const RandomKey model_key = key.split("model");
  if (name == "mlp") return classifier(models::mlp(784, {512, 512}, 10, model_key), {batch, 1, 28, 28}, key);
  if (name == "egnn") return particles(batch, key);
  if (name == "vit_tiny") {
    models::VitOptions options = models::vit_preset("tiny");
    options.image = 32, options.patch = 4, options.classes = 10;
    return classifier(std::make_shared<models::Vit>(model_key, options), {batch, 3, 32, 32}, key);
  }
  return classifier(models::make_model(name, model_key, {.implementation = implementation}), {batch, 1, 28, 28}, key);
}

}  // namespace orbitgrad::bench
