#include "nn/to_plain.hpp"

#include "engine/autograd/node.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/reduction.hpp"
#include "nn/layers.hpp"

namespace orbitgrad::nn {

namespace {

constexpr std::string_view op = "to_plain";

/// Apart from the network it came from.
Tensor copy(const Tensor& values) { return values ? values * 1.0 : values; }

/// One value of a field for each of its channels: [C] -> [C S].
Tensor repeat(const Tensor& values, std::int64_t order) {
  if (!values || order == 0) return copy(values);
  return copy(flatten(broadcast_to(unsqueeze(values, 1), {values.size(0), order})));
}

Conv2dOptions plain_options(const GroupConv2dOptions& options) {
  return {.stride = options.stride,
          .padding = options.padding,
          .dilation = options.dilation,
          .groups = options.groups,
          .padding_mode = options.padding_mode};
}

/// A convolution of regular features as one of channels, and its ReLU as a layer of its own.
std::shared_ptr<Module> plain_convolution(const Tensor& bank, const Tensor& bias, const GroupConv2dOptions& options) {
  auto convolution = std::make_shared<Conv2d>(bank, bias, plain_options(options));
  if (!options.relu) return convolution;
  auto both = std::make_shared<Sequential>();
  both->add("convolution", std::move(convolution)).add<Relu>("relu");
  return both;
}

void require_square_lattice(std::string_view layer, const groups::LatticeGroup& group) {
  require(!group.is_hexagonal(), op,
          "{} over {} works on hexagons, which ordinary layers do not mask. Keep the network.", layer, group.name);
}

void require_images(std::string_view layer, const PlainFeatures& features) {
  require(features.order == 0, op, "{} works on regular features here. Pool over the group before it.", layer);
}

}  // namespace

std::shared_ptr<Module> to_plain(const Module& network) {
  const NoGrad no_grad;
  PlainFeatures features;
  auto plain = network.plain(features);
  return plain ? plain : std::make_shared<Sequential>();
}

std::shared_ptr<Module> Module::plain(PlainFeatures&) const {
  fail(op, "a layer has no form by ordinary layers. Override Module::plain in its class.");
}

std::shared_ptr<Module> Sequential::plain(PlainFeatures& features) const {
  auto result = std::make_shared<Sequential>();
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> layers;
  for (const auto& [name, child] : children()) {
    auto layer = child->plain(features);
    if (!layer) continue;
    const auto* norm = dynamic_cast<const BatchNorm*>(layer.get());
    const auto* convolution = layers.empty() ? nullptr : dynamic_cast<const Conv2d*>(layers.back().second.get());
    if (norm != nullptr && convolution != nullptr)
      layers.back().second = convolution->then_affine(norm->scale(), norm->shift());
    else
      layers.emplace_back(name, std::move(layer));
  }
  for (auto& [name, layer] : layers) result->add(name, std::move(layer));
  return result;
}

std::shared_ptr<Module> Conv2d::plain(PlainFeatures& features) const {
  require_images("Conv2d", features);
  return std::make_shared<Conv2d>(copy(weight_), copy(bias_), convolution_);
}

std::shared_ptr<Conv2d> Conv2d::then_affine(const Tensor& scale, const Tensor& shift) const {
  const NoGrad no_grad;
  const Tensor weight = weight_ * reshape(scale, {weight_.size(0), 1, 1, 1});
  return std::make_shared<Conv2d>(weight, bias_ ? bias_ * scale + shift : shift, convolution_);
}

std::shared_ptr<Module> LiftConv2d::plain(PlainFeatures& features) const {
  require_images("LiftConv2d", features);
  require_square_lattice("LiftConv2d", group_);
  features.order = group_.order();
  return plain_convolution(lift_filter_bank(weight_, group_), repeat(bias_, features.order), convolution_);
}

std::shared_ptr<Module> GroupConv2d::plain(PlainFeatures& features) const {
  require(features.order == group_.order(), op,
          "GroupConv2d over {} needs regular features of its group before it. Begin with LiftConv2d.", group_.name);
  require_square_lattice("GroupConv2d", group_);
  return plain_convolution(group_filter_bank(weight_, group_), repeat(bias_, features.order), convolution_);
}

std::shared_ptr<Module> FibreLinear::plain(PlainFeatures& features) const {
  require(features.order == group_.order(), op,
          "FibreLinear over {} needs regular features of its group before it. Begin with LiftConv2d.", group_.name());
  const Tensor bank = fibre_filter_bank(weight_, group_);
  return std::make_shared<Conv2d>(reshape(bank, {bank.size(0), bank.size(1), 1, 1}), repeat(bias_, features.order));
}

std::shared_ptr<Module> BatchNorm::plain(PlainFeatures& features) const {
  const std::int64_t channels = gamma_.numel() * std::max<std::int64_t>(features.order, 1);
  auto result = std::make_shared<BatchNorm>(channels, options_);
  result->load_state({{"gamma", repeat(gamma_, features.order)},
                      {"beta", repeat(beta_, features.order)},
                      {"running_mean", repeat(running_mean_, features.order)},
                      {"running_variance", repeat(running_variance_, features.order)}});
  result->to(device());
  return result;
}

std::shared_ptr<Module> MaxPool2d::plain(PlainFeatures&) const { return std::make_shared<MaxPool2d>(options_); }

std::shared_ptr<Module> AveragePool2d::plain(PlainFeatures&) const { return std::make_shared<AveragePool2d>(options_); }

std::shared_ptr<Module> GroupPool::plain(PlainFeatures& features) const {
  require(features.order > 0, op, "GroupPool has no group axis here. Begin with LiftConv2d.");
  return std::make_shared<ChannelPool>(kind_, std::exchange(features.order, 0));
}

std::shared_ptr<Module> ChannelPool::plain(PlainFeatures& features) const {
  require_images("ChannelPool", features);
  return std::make_shared<ChannelPool>(kind_, channels_);
}

std::shared_ptr<Module> GlobalPool::plain(PlainFeatures& features) const {
  auto pixels = std::make_shared<GlobalPool>(kind_, PoolOver::pixels);
  if (over_ == PoolOver::pixels) return pixels;
  require(features.order > 0, op, "GlobalPool over the group has no group axis here. Begin with LiftConv2d.");
  auto both = std::make_shared<Sequential>();
  both->add("pixels", std::move(pixels));
  both->add<ChannelPool>("group", kind_, std::exchange(features.order, 0));
  return both;
}

std::shared_ptr<Module> Linear::plain(PlainFeatures& features) const {
  require_images("Linear", features);
  auto result = std::make_shared<Linear>(weight_.size(1), weight_.size(0), RandomKey{},
                                         LayerOptions{.bias = bool(bias_), .dtype = weight_.dtype()});
  result->load_state(state());
  result->to(device());
  return result;
}

std::shared_ptr<Module> Activation::plain(PlainFeatures&) const { return std::make_shared<Activation>(function_); }

std::shared_ptr<Module> Dropout::plain(PlainFeatures&) const { return nullptr; }

std::shared_ptr<Module> FieldDropout::plain(PlainFeatures&) const { return nullptr; }

std::shared_ptr<Module> Flatten::plain(PlainFeatures& features) const {
  require(features.order == 0 || first_ == 1, op,
          "Flatten from axis {} keeps the group axis of regular features. Flatten from axis 1.", first_);
  features.order = 0;
  return std::make_shared<Flatten>(first_);
}

}  // namespace orbitgrad::nn
