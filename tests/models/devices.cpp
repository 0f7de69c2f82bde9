// Training on another device follows training on the cpu.
#include <cmath>

#include "engine/ops/creation.hpp"
#include "models/gcnn.hpp"
#include "nn/loss.hpp"
#include "nn/optimizer.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::models {
namespace {

/// A P4CNN in small: lifting, group convolution, batch norm, pooling over pixels and over the group.
std::shared_ptr<nn::Sequential> small_p4cnn(RandomKey key) {
  const auto p4 = groups::lattice_group("p4");
  auto network = std::make_shared<nn::Sequential>();
  network->add<nn::LiftConv2d>("conv1", p4, 1, 3, 3, key.split(1));
  network->add<nn::BatchNorm>("norm1", 3).add<nn::Relu>("relu1").add<nn::MaxPool2d>("pool1");
  network->add<nn::GroupConv2d>("conv2", p4, 3, 4, 3, key.split(2));
  network->add<nn::BatchNorm>("norm2", 4).add<nn::Relu>("relu2").add<nn::Dropout>("dropout2", 0.2);
  network->add<nn::GlobalPool>("maximum", nn::PoolKind::max, nn::PoolOver::group_and_pixels);
  return network;
}

std::vector<double> losses_of_training(DeviceKind device, int steps) {
  const RandomKey key{11};
  const auto network = small_p4cnn(key);
  network->to(device);
  nn::Adam optimizer(network->named_parameters());
  std::vector<double> losses;
  for (int step = 0; step < steps; ++step) {
    const RandomKey step_key = key.split(static_cast<std::uint64_t>(1000 + step));
    const Tensor images = normal({6, 1, 10, 10}, step_key).to(device);
    const Tensor labels = random_integers({6}, step_key.split("labels"), 4).to(device);
    const Tensor loss = nn::cross_entropy((*network)(images, {.training = true, .key = step_key}), labels);
    losses.push_back(loss.item());
    optimizer.clear_gradients();
    loss.backward();
    optimizer.step(1e-3);
  }
  return losses;
}

void expect_losses_of_the_cpu(DeviceKind device, double tolerance) {
  const auto on_cpu = losses_of_training(DeviceKind::cpu, 20), there = losses_of_training(device, 20);
  for (std::size_t step = 0; step < on_cpu.size(); ++step)
    EXPECT_LE(std::abs(there[step] - on_cpu[step]), tolerance * std::abs(on_cpu[step])) << "step " << step;
}

TEST(Devices, TrainingOnSimFollowsTheCpu) { expect_losses_of_the_cpu(DeviceKind::sim, 1e-5); }

// A GPU has its own exponential, and orders of summation of its libraries.
TEST(Devices, TrainingOnAGpuFollowsTheCpu) {
  for (const DeviceStatus& status : device_statuses())
    if (status.device == DeviceKind::cuda && !status.available) GTEST_SKIP() << "no GPU: " << status.description;
  expect_losses_of_the_cpu(DeviceKind::cuda, 1e-3);
}

}  // namespace
}  // namespace orbitgrad::models
