#include "models/vit.hpp"

#include "engine/ops/affine.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "nn/convolution.hpp"
#include "nn/nearest_name.hpp"

namespace orbitgrad::models {

namespace {

constexpr double deviation = 0.02;  // of tokens and positions, as published
constexpr double epsilon = 1e-6;    // of the layer norms, as published

}  // namespace

Vit::Vit(RandomKey key, const VitOptions& options) : options_(options) {
  require(options.patch > 0 && options.image > 0 && options.image % options.patch == 0, "Vit",
          "images of {0}x{0} cannot be cut into patches of {1}x{1}. Take a divisor.", options.image, options.patch);
  const bool with_token = options.pooling == VitPooling::class_token;
  const std::int64_t side = options.image / options.patch, tokens = side * side + (with_token ? 1 : 0);
  if (with_token)
    class_token_ = register_parameter(
        "class_token", normal({1, 1, options.features}, key.split("token"), 0, deviation, options.dtype));
  positions_ = register_parameter(
      "pos_embedding", normal({1, tokens, options.features}, key.split("positions"), 0, deviation, options.dtype));
  const nn::LayerOptions layer{.gain = 1, .dtype = options.dtype};
  const auto patches = add_child<nn::Conv2d>("conv_proj", options.channels, options.features, options.patch,
                                             key.split("patches"), Conv2dOptions{.stride = options.patch}, layer);
  for (const nn::NamedTensor& part : patches->named_parameters())
    (part.name == "weight" ? patch_weight_ : patch_bias_) = part.tensor;
  encoder_ = add_child<nn::TransformerEncoder>("encoder", options.layers,
                                               nn::TransformerOptions{.features = options.features,
                                                                      .heads = options.heads,
                                                                      .hidden = options.hidden,
                                                                      .dropout = options.dropout,
                                                                      .epsilon = epsilon,
                                                                      .dtype = options.dtype},
                                               key.split("encoder"));
  head_ = add_child<nn::Linear>("head", options.features, options.classes, key.split("head"),
                                nn::LayerOptions{.dtype = options.dtype});
}

Tensor Vit::forward(const Tensor& images, const nn::Pass& pass) {
  const std::int64_t side = options_.image / options_.patch, patch = options_.patch, channels = options_.channels;
  require(images.rank() == 4 && images.size(1) == channels && images.size(2) == options_.image &&
              images.size(3) == options_.image,
          "Vit", "takes images [N, {0}, {1}, {1}], got {2}. Resize them or make the network for their size.", channels,
          options_.image, images.shape());
  const std::int64_t count = images.size(0);
  // A convolution whose stride is its size: a dense layer on each patch.
  const Tensor patches =
      reshape(permute(reshape(images, {count, channels, side, patch, side, patch}), {0, 2, 4, 1, 3, 5}),
              {count, side * side, channels * patch * patch});
  Tensor tokens = affine(patches, flatten(patch_weight_, 1), patch_bias_);
  if (class_token_.defined()) {
    const Tensor parts[] = {broadcast_to(class_token_, {count, 1, options_.features}), tokens};
    tokens = concat(parts, 1);
  }
  tokens = tokens + positions_;
  if (pass.training && options_.dropout > 0) tokens = dropout(tokens, options_.dropout, pass.key.split("tokens"));
  const Tensor features = (*encoder_)(tokens, pass.child(0));
  return (*head_)(class_token_.defined() ? select(features, 1, 0) : mean(features, {1}), pass);
}

VitOptions vit_preset(std::string_view name) {
  if (name == "tiny") return {};
  if (name == "small") return {.features = 384, .heads = 6, .hidden = 1536};
  if (name == "base") return {.features = 768, .heads = 12, .hidden = 3072};
  if (name == "micro")
    return {.image = 32, .patch = 4, .classes = 10, .features = 64, .layers = 4, .heads = 2, .hidden = 256};
  nn::fail_unknown_name("vit_preset", "preset", name, {"tiny", "small", "base", "micro"});
}

}  // namespace orbitgrad::models
