// Vision transformers: published sizes, patches as a convolution, pooling, derivatives, that they learn.
#include "models/vit.hpp"

#include "engine/ops/convolution.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/shape_ops.hpp"
#include "nn/loss.hpp"
#include "nn/optimizer.hpp"
#include "tests/nn/derivatives.hpp"

namespace orbitgrad::models {
namespace {

using namespace testing_support;

const RandomKey key{41};

VitOptions small(VitPooling pooling, DType dtype = DType::float64) {
  return {.image = 6,
          .patch = 3,
          .channels = 2,
          .classes = 3,
          .features = 4,
          .layers = 1,
          .heads = 2,
          .hidden = 6,
          .pooling = pooling,
          .dtype = dtype};
}

TEST(Vit, HasThePublishedNumberOfParameters) {  // Touvron et al. (2021), table 1: 5 million
  EXPECT_EQ(Vit(key, vit_preset("tiny")).parameter_count(), 5717416);
  const auto size = [](VitPooling pooling) { return Vit(key, small(pooling)).parameter_count(); };
  EXPECT_EQ(size(VitPooling::class_token) - size(VitPooling::mean), 2 * 4);  // the token and its position
  const VitOptions base = vit_preset("base");
  EXPECT_EQ(base.features / base.heads, 64);
  EXPECT_EQ(base.hidden, 4 * base.features);
  expect_error([] { vit_preset("tinny"); }, {"[vit_preset]", "tiny"});
}

TEST(Vit, EmbedsPatchesByAConvolution) {
  Vit network(key, small(VitPooling::mean));
  const nn::State state = network.state();
  EXPECT_EQ(state.at("conv_proj.weight").shape(), (Shape{4, 2, 3, 3}));
  const Tensor x = normal({3, 2, 6, 6}, key.split(1), 0, 1, DType::float64);
  const Tensor patches = conv2d(x, state.at("conv_proj.weight"), state.at("conv_proj.bias"), {.stride = 3});
  const Tensor tokens = transpose(flatten(patches, 2)) + state.at("pos_embedding");
  nn::TransformerEncoder encoder(1, {.features = 4, .heads = 2, .hidden = 6, .epsilon = 1e-6, .dtype = DType::float64},
                                 key);
  nn::Linear head(4, 3, key, {.dtype = DType::float64});
  nn::State of_the_encoder, of_the_head;
  for (const auto& [name, tensor] : state) {
    if (name.starts_with("encoder.")) of_the_encoder[name.substr(8)] = tensor;
    if (name.starts_with("head.")) of_the_head[name.substr(5)] = tensor;
  }
  encoder.load_state(of_the_encoder);
  head.load_state(of_the_head);
  expect_near(network(x), head(mean(encoder(tokens), {1})), 1e-12);
}

TEST(Vit, SeesASetOfPatchesWithoutPositions) {
  for (const VitPooling pooling : {VitPooling::mean, VitPooling::class_token}) {
    Vit network(key, small(pooling));
    const Tensor x = normal({2, 2, 6, 6}, key.split(2), 0, 1, DType::float64);
    const Tensor halves[] = {narrow(x, 3, 3, 3), narrow(x, 3, 0, 3)};
    const Tensor exchanged = concat(halves, 3);
    const Tensor with_positions = network(x) - network(exchanged);
    EXPECT_GT(max(absolute(with_positions)).item(), 1e-4);
    for (nn::NamedTensor& part : network.named_parameters())
      if (part.name == "pos_embedding") assign(part.tensor, zeros_like(part.tensor));
    expect_near(network(x), network(exchanged), 1e-12);
  }
}

TEST(Vit, HasTheDerivativesOfDifferences) {
  Vit network(key, small(VitPooling::class_token));
  randomise(network, key);
  const Tensor x = normal_leaf({2, 2, 6, 6}, key.split(3));
  const Tensor labels = from_vector<std::int64_t>({2, 0});
  expect_derivatives([&] { return nn::cross_entropy(network(x), labels); }, leaves_of(network, {x}), key);
}

std::vector<double> losses_of_training(DeviceKind device, int steps) {
  const ScopedDefaultDevice on_cpu(DeviceKind::cpu);
  VitOptions options = small(VitPooling::class_token, DType::float32);
  options.dropout = 0.1;
  Vit network(key, options);
  network.to(device);
  nn::AdamW optimizer(network.named_parameters());
  const Tensor x = normal({6, 2, 6, 6}, key.split(4)).to(device);
  const Tensor labels = random_integers({6}, key.split(5), 3).to(device);
  std::vector<double> losses;
  for (int step = 0; step < steps; ++step) {
    const nn::Pass pass{.training = true, .key = key.split(static_cast<std::uint64_t>(step))};
    const Tensor loss = nn::cross_entropy(network(x, pass), labels);
    losses.push_back(loss.item());
    optimizer.clear_gradients();
    loss.backward();
    optimizer.step(1e-2);
  }
  return losses;
}

TEST(Vit, LearnsItsBatchOnSimAsOnTheCpu) {
  const auto on_cpu = losses_of_training(DeviceKind::cpu, 40), on_sim = losses_of_training(DeviceKind::sim, 3);
  EXPECT_LT(on_cpu.back(), 0.6 * on_cpu.front());
  for (std::size_t i = 0; i < on_sim.size(); ++i) EXPECT_NEAR(on_sim[i], on_cpu[i], 1e-4);
}

TEST(Vit, RefusesWhatDoesNotFit) {
  expect_error([] { Vit(key, {.image = 30, .patch = 4}); }, {"[Vit]", "30x30", "4x4"});
  expect_error([] { Vit(key, {.patch = 0}); }, {"[Vit]"});
  expect_error([] { Vit(key, {.features = 190}); }, {"[MultiHeadAttention]", "190"});
  expect_error([] { Vit(key, {.layers = 0}); }, {"[TransformerEncoder]"});
  Vit network(key, small(VitPooling::mean));
  expect_error([&] { network(zeros({1, 2, 6, 7}, DType::float64)); }, {"[Vit]", "[1, 2, 6, 7]"});
  expect_error([&] { network(zeros({2, 6, 6}, DType::float64)); }, {"[Vit]", "[2, 6, 6]"});
  EXPECT_EQ(network(zeros({0, 2, 6, 6}, DType::float64)).shape(), (Shape{0, 3}));
}

}  // namespace
}  // namespace orbitgrad::models
