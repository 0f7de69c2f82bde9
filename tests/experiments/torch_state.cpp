// A state that PyTorch itself saved, through `convert`, in a network of ours: PyTorch's outputs.
//
// golden/torch_state.safetensors is the state_dict of an evaluated
//   features = Sequential(Conv2d(2, 4, 3, padding=1), BatchNorm2d(4), ReLU()); encoder = TransformerEncoder of one
//   TransformerEncoderLayer(4, 2, 6, dropout=0, activation="gelu", batch_first=True, norm_first=True) and LayerNorm(4);
//   fc = Linear(4, 3);  y = fc(encoder(features(x).flatten(2).transpose(1, 2)).mean(1))
// with noise on its parameters, and example.input x, example.output y; the metadata name PyTorch's version.
#include "engine/autograd/node.hpp"
#include "engine/io/safetensors.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "nn/activation.hpp"
#include "nn/layers.hpp"
#include "nn/transformer.hpp"
#include "tests/experiments/program_support.hpp"
#include "tests/places.hpp"

namespace orbitgrad::experiments {
namespace {

class Network final : public nn::Module {
 public:
  Network() {
    conv_ = add_child<nn::Conv2d>("conv", 2, 4, 3, RandomKey{1}, Conv2dOptions{.padding = 1});
    norm_ = add_child<nn::BatchNorm>("norm", 4);
    encoder_ = add_child<nn::TransformerEncoder>(
        "encoder", 1, nn::TransformerOptions{.features = 4, .heads = 2, .hidden = 6}, RandomKey{2});
    head_ = add_child<nn::Linear>("head", 4, 3, RandomKey{3});
  }
  Tensor forward(const Tensor& x, const nn::Pass& pass) override {
    const Tensor maps = relu((*norm_)((*conv_)(x, pass), pass));
    const Tensor tokens = transpose(reshape(maps, {x.size(0), 4, -1}), 1, 2);
    return (*head_)(mean((*encoder_)(tokens, pass), {1}), pass);
  }

 private:
  std::shared_ptr<nn::Conv2d> conv_;
  std::shared_ptr<nn::BatchNorm> norm_;
  std::shared_ptr<nn::TransformerEncoder> encoder_;
  std::shared_ptr<nn::Linear> head_;
};

constexpr std::string_view rules =
    "features.0.* -> conv.*\n"
    "features.1.weight -> norm.gamma\n"
    "features.1.bias -> norm.beta\n"
    "features.1.running_mean -> norm.running_mean\n"
    "features.1.running_var -> norm.running_variance\n"
    "*.num_batches_tracked -> -  # PyTorch counts its training passes\n"
    "encoder.* -> encoder.*  # our names are PyTorch's\n"
    "fc.* -> head.*\n"
    "example.* -> -\n";

TEST(Convert, AStateOfPyTorchGivesItsOutputs) {
  const TemporaryFolder folder;
  const std::string saved = source_folder() + "/tests/experiments/golden/torch_state.safetensors";
  const std::string out = folder.path() / "out.safetensors", map = folder.path() / "map.txt";
  std::ofstream(map) << rules;
  const auto result = run_program({"convert", saved, out, "--map", map});
  ASSERT_EQ(result.code, 0) << result.error;

  Network network;
  network.load_state(load_safetensors(out).tensors);  // strict: every name and shape
  const auto example = load_safetensors(saved).tensors;
  const NoGrad no_grad;
  const auto y = network(example.at("example.input"), nn::Pass{}).to_vector<float>();
  const auto expected = example.at("example.output").to_vector<float>();
  ASSERT_EQ(y.size(), 9U);
  for (std::size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], expected[i], 2e-6) << i;
}

}  // namespace
}  // namespace orbitgrad::experiments
