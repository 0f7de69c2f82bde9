// The networks whose training steps are timed beside PyTorch's: each with its inputs, its loss and its parameters.
#pragma once

#include <functional>
#include <string>

#include "nn/module.hpp"

namespace orbitgrad::bench {

struct StepNetwork {
  /// Moved by the optimizer.
  std::shared_ptr<nn::Module> module;
  std::vector<nn::NamedTensor> parameters;
  nn::State inputs;
  /// The loss of a training pass on these inputs.
  std::function<Tensor(const nn::State& inputs, const nn::Pass& pass)> loss;
};

/// mlp (784-512-512-10), a network of models/gcnn.hpp, vit_tiny (192 features, 12 layers, 3 heads; images of 32x32 in
/// patches of 4) or egnn (4 layers of 64 features on systems of 5 particles); batch: images, or systems. Weights and
/// inputs are functions of the key. implementation: of group convolutions. Error: no such network.
StepNetwork step_network(const std::string& name, std::int64_t batch, const std::string& implementation, RandomKey key);

}  // namespace orbitgrad::bench
