// Vision transformers: Dosovitskiy et al., "An image is worth 16x16 words" (2021), section 3.1, in the sizes of Touvron
// et al., "Training data-efficient image transformers" (DeiT, 2021). An image is cut into square patches, each mapped
// to a token by a linear layer, learned positions are added, and an encoder that normalises first runs over the tokens.
#pragma once

#include "nn/transformer.hpp"

namespace orbitgrad::models {

enum class VitPooling { class_token, mean };

/// The defaults are DeiT's tiny preset, 5,717,416 parameters.
struct VitOptions {
  std::int64_t image = 224;  ///< height and width
  std::int64_t patch = 16;
  std::int64_t channels = 3;
  std::int64_t classes = 1000;
  std::int64_t features = 192;
  std::int64_t layers = 12;
  std::int64_t heads = 3;
  std::int64_t hidden = 768;  ///< of the dense layers between attentions
  double dropout = 0;
  VitPooling pooling = VitPooling::class_token;
  DType dtype = DType::float32;
};

/// Parameters class_token [1, 1, features] if there is one and pos_embedding [1, tokens, features], normal with
/// deviation 0.02; children conv_proj (weight [features, channels, patch, patch] and bias of the patches), encoder and
/// head.
class Vit final : public nn::Module {
 public:
  Vit(RandomKey key, const VitOptions& options = {});
  /// Images [N, channels, image, image] -> logits [N, classes].
  Tensor forward(const Tensor& images, const nn::Pass& pass) override;

 private:
  VitOptions options_;
  Tensor class_token_, positions_, patch_weight_, patch_bias_;
  std::shared_ptr<nn::TransformerEncoder> encoder_;
  std::shared_ptr<nn::Linear> head_;
};

/// "tiny" (192 features, 3 heads), "small" (384, 6) and "base" (768, 12), all with 12 layers and patches of 16, for
/// images of 224; "micro" for 32x32 images: patches of 4, 64 features, 4 layers, 2 heads, 10 classes. Error with the
/// nearest name for any other.
VitOptions vit_preset(std::string_view name);

}  // namespace orbitgrad::models
