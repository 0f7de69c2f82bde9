// Residual networks for small images (He, Zhang, Ren, Sun, "Deep residual learning", 2016, section 4.2): a 3x3
// convolution, three stages of n blocks  x + conv(relu(conv(x)))  with batch norm, each stage on half the resolution
// and with more fields, the mean over all pixels and a linear layer; 6n + 2 layers. Over a lattice group every
// convolution is a group convolution (Cohen and Welling, "Group equivariant convolutional networks", 2016,
// section 8.2). A stage halves the resolution by 2x2 mean pooling: a stride of 2 on an even image is not equivariant.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "nn/layers.hpp"

namespace orbitgrad::models {

/// x -> relu(shortcut(x) + norm2(conv2(relu(norm1(conv1(x)))))), all 3x3 with padding 1. The shortcut is the identity,
/// or a 1x1 convolution where the number of fields changes.
class ResidualBlock final : public nn::Module {
 public:
  /// group p1: plain convolutions on [N, C, H, W]; else regular features [N, C, S, H, W].
  ResidualBlock(const groups::LatticeGroup& group, std::int64_t in, std::int64_t out, RandomKey key,
                const nn::LayerOptions& options = {});
  Tensor forward(const Tensor& x, const nn::Pass& pass) override;
  std::shared_ptr<nn::Module> plain(nn::PlainFeatures& features) const override;

 private:
  explicit ResidualBlock(nn::PlainFeatures& features, const ResidualBlock& symmetric);

  std::shared_ptr<nn::Sequential> branch_;
  std::shared_ptr<nn::Module> shortcut_;  // null: the identity
};

struct ResnetOptions {
  std::string group = "p1";                         ///< p1, p2, pm, p4 or p4m
  std::int64_t blocks = 7;                          ///< n of each stage; 7 makes ResNet44
  std::array<std::int64_t, 3> fields{32, 64, 128};  ///< of the stages; p4m with 11, 23, 45 has as many weights
  std::int64_t channels = 3;                        ///< of the images
  std::int64_t classes = 10;
  DType dtype = DType::float32;
};

/// Images [N, channels, H, W] with H and W multiples of 4 -> logits [N, classes], invariant under the group.
std::shared_ptr<nn::Sequential> resnet(RandomKey key, const ResnetOptions& options = {});

}  // namespace orbitgrad::models
