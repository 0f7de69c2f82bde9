// Modules, optimizers, batches and checkpoints on another device than the one they began on.
#include <filesystem>

#include "engine/io/safetensors.hpp"
#include "engine/ops/reduction.hpp"
#include "nn/data_loader.hpp"
#include "nn/layers.hpp"
#include "nn/optimizer.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::nn {
namespace {

using namespace testing_support;

constexpr DeviceKind cpu = DeviceKind::cpu, sim = DeviceKind::sim;
const RandomKey key{7};

std::shared_ptr<Sequential> small_network() {
  const ScopedDefaultDevice on_cpu(cpu);  // the same bits on every device
  auto network = std::make_shared<Sequential>();
  network->add<Linear>("first", 3, 4, key.split(1)).add<BatchNorm>("norm", 4).add<Linear>("second", 4, 2, key.split(2));
  return network;
}

void train(Sequential& network, Optimizer& optimizer, int from, int steps) {
  for (int step = from; step < from + steps; ++step) {
    const Tensor x = normal({8, 3}, key.split(static_cast<std::uint64_t>(100 + step)), 0, 1, DType::float32, cpu);
    optimizer.clear_gradients();
    const Tensor y = network(x.to(network.device()), {.training = true});
    sum(y * y).backward();
    optimizer.step(0.01);
  }
}

TEST(ModuleDevice, MovesParametersGradientsAndBuffers) {
  const auto network = small_network();
  const State before = snapshot(network->state());
  Adam optimizer(network->named_parameters());
  train(*network, optimizer, 0, 1);
  const State trained = snapshot(network->state());
  network->to(sim);
  EXPECT_EQ(network->device(), sim);
  for (const auto& [name, tensor] : network->state()) EXPECT_EQ(tensor.device(), sim) << name;
  for (const auto& [name, tensor] : network->named_parameters()) EXPECT_EQ(tensor.grad().device(), sim) << name;
  EXPECT_TRUE(same_bits(network->state(), trained));
  network->load_state(before);  // made elsewhere
  EXPECT_EQ(network->device(), sim);
  EXPECT_TRUE(same_bits(network->state(), before));
}

TEST(OptimizerDevice, StateFollowsTheParameters) {
  const auto here = small_network(), moved = small_network();
  Adam adam_here(here->named_parameters()), adam_moved(moved->named_parameters());
  train(*here, adam_here, 0, 4);
  train(*moved, adam_moved, 0, 2);
  moved->to(sim);
  train(*moved, adam_moved, 2, 2);
  for (const auto& [name, tensor] : adam_moved.state()) EXPECT_EQ(tensor.device(), name == "step" ? cpu : sim) << name;
  for (const auto& [name, tensor] : here->state()) expect_near(moved->state().at(name), tensor, 1e-5);
}

TEST(CheckpointDevice, OfOneDeviceGoesOnOnAnother) {
  const auto path = std::filesystem::temp_directory_path() / fmt::format("devices-{}.safetensors", ::getpid());
  const auto straight = small_network(), saved = small_network(), resumed = small_network();
  Sgd sgd_straight(straight->named_parameters(), {.momentum = 0.9});
  train(*straight, sgd_straight, 0, 6);

  saved->to(sim);
  Sgd sgd_saved(saved->named_parameters(), {.momentum = 0.9});
  train(*saved, sgd_saved, 0, 3);
  SafeTensors content;
  for (const auto& [name, tensor] : saved->state()) content.tensors["model." + name] = tensor;
  for (const auto& [name, tensor] : sgd_saved.state()) content.tensors["optimizer." + name] = tensor;
  save_safetensors(path, content);

  State model, optimizer;
  for (const auto& [name, tensor] : load_safetensors(path).tensors) {
    EXPECT_EQ(tensor.device(), cpu) << name;
    if (name.starts_with("model."))
      model[name.substr(6)] = tensor;
    else
      optimizer[name.substr(10)] = tensor;
  }
  std::filesystem::remove(path);
  resumed->load_state(model);
  EXPECT_TRUE(same_bits(resumed->state(), saved->state()));
  Sgd sgd_resumed(resumed->named_parameters(), {.momentum = 0.9});
  sgd_resumed.load_state(optimizer);
  train(*resumed, sgd_resumed, 3, 3);
  EXPECT_EQ(sgd_resumed.steps(), 6);
  for (const auto& [name, tensor] : straight->state()) expect_near(resumed->state().at(name), tensor, 1e-5);
}

TEST(DataLoaderDevice, HandsOutBatchesThere) {
  const ScopedDefaultDevice on_cpu(cpu);
  const Tensor inputs = normal({6, 1, 5, 5}, key), labels = arange(6);
  const auto batch_on = [&](DeviceKind device) {
    const DataLoader loader(inputs, labels, key,
                            {.batch_size = 4, .augmentation = random_rotation(0, 3), .device = device});
    return loader.epoch(1).batch(0);
  };
  const Batch here = batch_on(cpu), there = batch_on(sim);
  EXPECT_EQ(there.inputs.device(), sim);
  EXPECT_EQ(there.labels.device(), sim);
  EXPECT_EQ(there.indices.device(), cpu);
  EXPECT_TRUE(same_bits(there.labels, here.labels));
  expect_near(there.inputs, here.inputs, 1e-5);
}

}  // namespace
}  // namespace orbitgrad::nn
