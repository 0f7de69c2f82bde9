#include "experiments/symmetry_cloning/baseline_networks.hpp"

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/transfer.hpp"
#include "engine/update.hpp"
#include "groups/lattice_group.hpp"
#include "models/baselines/relaxed_convolution.hpp"
#include "models/baselines/residual_pathway.hpp"
#include "models/mlp.hpp"
#include "nn/layers.hpp"

namespace orbitgrad::experiments {

namespace {

using models::LayerKind;
using models::LayerPlan;

constexpr std::int64_t kernels = 3, grid = 7;  // of a relaxed layer

PadMode padding_mode(const LayerPlan& plan) {
  return plan.family.boundary == models::Boundary::circular ? PadMode::circular : PadMode::zero;
}
Conv2dOptions plain_options(const LayerPlan& plan) {
  return {.padding = (plan.family.kernel - 1) / 2, .padding_mode = padding_mode(plan)};
}
GroupConv2dOptions group_options(const LayerPlan& plan) {
  return {.padding = (plan.family.kernel - 1) / 2, .padding_mode = padding_mode(plan)};
}

/// The layers between ReLU, pooling and the head of models::CloningNetwork.
template <class MakeLayer>
std::shared_ptr<nn::Module> skeleton_network(const models::SkeletonOptions& skeleton, RandomKey key,
                                             const MakeLayer& make_layer) {
  auto network = std::make_shared<nn::Sequential>();
  std::int64_t features = 1, pixels = skeleton.side * skeleton.side;
  std::uint64_t index = 0;
  for (const LayerPlan& plan : models::plan_layers(skeleton)) {
    const std::string number = fmt::format("{}", ++index);
    network->add("layer" + number, make_layer(plan, key.split(index)));
    network->add<nn::Relu>("relu" + number);
    if (plan.pooled) network->add<nn::AveragePool2d>("pool" + number);
    features = plan.channels.out, pixels = plan.family.height * plan.family.width / (plan.pooled ? 4 : 1);
  }
  const bool regular = skeleton.group != "p1", pooled_head = skeleton.head == models::CloningHead::invariant;
  if (pooled_head)
    network->add<nn::GlobalPool>("pool", nn::PoolKind::mean,
                                 regular ? nn::PoolOver::group_and_pixels : nn::PoolOver::pixels);
  else
    network->add<nn::Flatten>("flatten");
  const std::int64_t order = groups::lattice_group(skeleton.group).order();
  network->add<nn::Linear>("head", pooled_head ? features : features * order * pixels, skeleton.classes,
                           key.split("head"));
  return network;
}

template <class Layer>
Penalty sum_of_penalties(const std::vector<std::shared_ptr<Layer>>& layers) {
  return [layers] {
    Tensor total = layers[0]->penalty();
    for (std::size_t i = 1; i < layers.size(); ++i) total = total + layers[i]->penalty();
    return total;
  };
}

}  // namespace

DenseParts dense_parts(const models::SkeletonOptions& skeleton, RandomKey key) {
  auto head = std::make_shared<nn::Sequential>();
  head->add<nn::Relu>("relu");
  head->add<nn::Linear>("top", dense_width, skeleton.classes, key.split("top"));
  return {models::mlp(skeleton.side * skeleton.side, {dense_width}, dense_width, key.split("features")), head};
}

PenalizedNetwork relaxed_network(const models::SkeletonOptions& skeleton, RandomKey key) {
  std::vector<std::shared_ptr<models::RelaxedConv2d>> plain;
  std::vector<std::shared_ptr<models::RelaxedGroupConv2d>> of_group;
  const models::RelaxedOptions options{.kernels = kernels};
  auto network =
      skeleton_network(skeleton, key, [&](const LayerPlan& plan, RandomKey layer_key) -> std::shared_ptr<nn::Module> {
        const auto [in, out] = plan.channels;
        if (plan.family.kind == LayerKind::convolution) {
          const std::int64_t places = std::min(grid, plan.family.height);
          plain.push_back(std::make_shared<models::RelaxedConv2d>(in, out, plan.family.kernel, places, places,
                                                                  layer_key, plain_options(plan), options));
          return plain.back();
        }
        of_group.push_back(std::make_shared<models::RelaxedGroupConv2d>(
            groups::lattice_group(plan.family.group), plan.family.kind == LayerKind::lifting, in, out,
            plan.family.kernel, layer_key, group_options(plan), options));
        return of_group.back();
      });
  return {network, of_group.empty() ? sum_of_penalties(plain) : sum_of_penalties(of_group)};
}

PenalizedNetwork residual_pathway_network(const models::SkeletonOptions& skeleton, RandomKey key) {
  std::vector<std::shared_ptr<models::ResidualPathway>> layers;
  auto network =
      skeleton_network(skeleton, key, [&](const LayerPlan& plan, RandomKey layer_key) -> std::shared_ptr<nn::Module> {
        const auto [in, out] = plan.channels;
        const groups::LatticeGroup group = groups::lattice_group(plan.family.group);
        std::shared_ptr<nn::Module> equivariant;
        if (plan.family.kind == LayerKind::convolution)
          equivariant = std::make_shared<nn::Conv2d>(in, out, plan.family.kernel, layer_key, plain_options(plan));
        else if (plan.family.kind == LayerKind::lifting)
          equivariant = std::make_shared<nn::LiftConv2d>(group, in, out, plan.family.kernel, layer_key,
                                                         group_options(plan), nn::LayerOptions{.gain = 2});
        else
          equivariant = std::make_shared<nn::GroupConv2d>(group, in, out, plan.family.kernel, layer_key,
                                                          group_options(plan), nn::LayerOptions{.gain = 2});
        const models::LayerFamily family(plan.family);
        layers.push_back(std::make_shared<models::ResidualPathway>(equivariant, in * family.input_size(),
                                                                   out * family.output_size()));
        return layers.back();
      });
  return {network, sum_of_penalties(layers)};
}

std::shared_ptr<nn::Module> pose_encoder(std::int64_t side, RandomKey key) {
  const Conv2dOptions halved{.stride = 2, .padding = 3};
  const std::int64_t quarter = (side + 3) / 4;
  auto network = std::make_shared<nn::Sequential>();
  network->add<nn::Conv2d>("conv1", 1, 8, 7, key.split(1), halved);
  network->add<nn::Relu>("relu1");
  network->add<nn::Conv2d>("conv2", 8, 16, 7, key.split(2), halved);
  network->add<nn::Relu>("relu2");
  network->add<nn::Flatten>("flatten");
  network->add<nn::Linear>("top", 16 * quarter * quarter, pose_encoder_size, key.split(3));
  return network;
}

Tensor move_by_task(const Tensor& x, const TaskData& data, RandomKey key) {
  require(x.rank() == 4 && x.size(1) == 1 && x.size(2) == x.size(3) && x.dtype() == DType::float32, "move_by_task",
          "takes float32 images [N, 1, side, side], got {} {}.", name(x.dtype()), x.shape());
  const Tensor from = contiguous(on_host(x.detach()));
  Tensor moved = Tensor::empty(from.shape(), DType::float32, DeviceKind::cpu);
  const std::int64_t side = x.size(2);
  const auto size = static_cast<std::size_t>(side * side);
  const std::span<const float> in(from.host_data<float>(), static_cast<std::size_t>(x.numel()));
  const std::span<float> out(fresh_host_data<float>(moved), in.size());
  const float black = data.black();
  std::vector<float> lifted(size);  // above black, since a shift fills with zeros
  for (std::size_t i = 0; i * size < in.size(); ++i) {
    for (std::size_t p = 0; p < size; ++p) lifted[p] = in[i * size + p] - black;
    move_image(lifted, out.subspan(i * size, size), side,
               draw_move(data.task(), data.options().largest_shift(), key.split(i)), data.options().wrap);
    for (std::size_t p = 0; p < size; ++p) out[i * size + p] += black;
  }
  return moved.to(x.device());
}

BalancedNetwork::BalancedNetwork(std::shared_ptr<nn::Module> network, Tensor shared)
    : network_(std::move(network)), shared_(std::move(shared)) {
  register_child("network", network_);
  const nn::State state = models::GradNorm(2).state();
  loss_weights_ = register_buffer("loss_weights", state.at("weights"));
  first_losses_ = register_buffer("first_losses", state.at("first_losses"));
}

Tensor BalancedNetwork::balanced(const Tensor& task, const Tensor& other) {
  models::GradNorm balance(2);
  balance.load_state({{"weights", loss_weights_}, {"first_losses", first_losses_}});
  balance.update({task, other}, {shared_});
  const nn::State state = balance.state();
  assign(loss_weights_, state.at("weights"));
  assign(first_losses_, state.at("first_losses"));
  return balance.total({task, other});
}

}  // namespace orbitgrad::experiments
