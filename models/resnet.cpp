#include "models/resnet.hpp"

#include <fmt/format.h>

#include "engine/ops/arithmetic.hpp"

namespace orbitgrad::models {

namespace {

/// `fields` to `fields` over the group; over p1 a plain convolution, so that no feature has a group axis of length 1.
std::shared_ptr<nn::Module> convolution(const groups::LatticeGroup& group, std::int64_t in, std::int64_t out,
                                        std::int64_t kernel, RandomKey key, nn::LayerOptions options) {
  options.bias = false;  // batch norm follows
  if (!options.gain) options.gain = 2;
  const std::int64_t padding = kernel / 2;
  if (group.order() == 1)
    return std::make_shared<nn::Conv2d>(in, out, kernel, key, Conv2dOptions{.padding = padding}, options);
  return std::make_shared<nn::GroupConv2d>(group, in, out, kernel, key, GroupConv2dOptions{.padding = padding},
                                           options);
}

std::shared_ptr<nn::Module> first_convolution(const groups::LatticeGroup& group, std::int64_t in, std::int64_t out,
                                              RandomKey key, nn::LayerOptions options) {
  if (group.order() == 1) return convolution(group, in, out, 3, key, options);
  options.bias = false;
  options.gain = 2;
  return std::make_shared<nn::LiftConv2d>(group, in, out, 3, key, GroupConv2dOptions{.padding = 1}, options);
}

}  // namespace

ResidualBlock::ResidualBlock(const groups::LatticeGroup& group, std::int64_t in, std::int64_t out, RandomKey key,
                             const nn::LayerOptions& options)
    : branch_(std::make_shared<nn::Sequential>()) {
  const nn::BatchNormOptions norm{.dtype = options.dtype};
  branch_->add("conv1", convolution(group, in, out, 3, key.split(1), options));
  branch_->add<nn::BatchNorm>("norm1", out, norm);
  branch_->add<nn::Relu>("relu");
  branch_->add("conv2", convolution(group, out, out, 3, key.split(2), options));
  branch_->add<nn::BatchNorm>("norm2", out, norm);
  register_child("branch", branch_);
  if (in == out) return;
  shortcut_ = convolution(group, in, out, 1, key.split(3), options);
  register_child("shortcut", shortcut_);
}

ResidualBlock::ResidualBlock(nn::PlainFeatures& features, const ResidualBlock& symmetric) {
  nn::PlainFeatures of_the_shortcut = features;
  branch_ = std::make_shared<nn::Sequential>();
  branch_->add("layers", symmetric.branch_->plain(features));
  register_child("branch", branch_);
  if (!symmetric.shortcut_) return;
  shortcut_ = symmetric.shortcut_->plain(of_the_shortcut);
  register_child("shortcut", shortcut_);
}

Tensor ResidualBlock::forward(const Tensor& x, const nn::Pass& pass) {
  const Tensor direct = shortcut_ ? (*shortcut_)(x, pass.child(1)) : x;
  return relu(direct + (*branch_)(x, pass.child(0)));
}

std::shared_ptr<nn::Module> ResidualBlock::plain(nn::PlainFeatures& features) const {
  return std::shared_ptr<ResidualBlock>(new ResidualBlock(features, *this));
}

std::shared_ptr<nn::Sequential> resnet(RandomKey key, const ResnetOptions& options) {
  require(options.blocks > 0, "resnet", "needs one block a stage or more, got {}. ResNet44 has 7.", options.blocks);
  const auto group = groups::lattice_group(options.group);
  const nn::LayerOptions layer{.dtype = options.dtype};
  auto network = std::make_shared<nn::Sequential>();
  std::int64_t fields = options.fields[0];
  network->add("conv", first_convolution(group, options.channels, fields, key.split("conv"), layer));
  network->add<nn::BatchNorm>("norm", fields, nn::BatchNormOptions{.dtype = options.dtype});
  network->add<nn::Relu>("relu");
  for (std::size_t stage = 0; stage < options.fields.size(); ++stage) {
    if (stage > 0) network->add<nn::AveragePool2d>(fmt::format("half{}", stage), Pool2dOptions{.kernel = 2});
    for (std::int64_t block = 0; block < options.blocks; ++block) {
      const RandomKey block_key = key.split(stage).split(static_cast<std::uint64_t>(block));
      network->add<ResidualBlock>(fmt::format("stage{}_block{}", stage + 1, block + 1), group, fields,
                                  options.fields[stage], block_key, layer);
      fields = options.fields[stage];
    }
  }
  const auto over = group.order() == 1 ? nn::PoolOver::pixels : nn::PoolOver::group_and_pixels;
  network->add<nn::GlobalPool>("mean", nn::PoolKind::mean, over);
  network->add<nn::Linear>("linear", fields, options.classes, key.split("linear"), layer);
  return network;
}

}  // namespace orbitgrad::models
