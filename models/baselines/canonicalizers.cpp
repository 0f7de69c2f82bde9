#include "models/baselines/canonicalizers.hpp"

#include <fmt/format.h>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "nn/layers.hpp"

namespace orbitgrad::models {

namespace {

/// A function as a module.
class MapModule final : public nn::Module {
 public:
  explicit MapModule(TensorMap map) : map_(std::move(map)) {
    require(map_ != nullptr, "EnergyCanonicalizer", "the energy is empty. Give a function of images.");
  }
  Tensor forward(const Tensor& x, const nn::Pass&) override { return map_(x); }

 private:
  TensorMap map_;
};

/// f of each inverse pose, dense in memory, in a call of its own: a pose gives the same bits wherever it stands in the
/// orbit.
std::vector<Tensor> of_inverse_poses(nn::Module& f, const Tensor& x, const LatticeGroup& group, const nn::Pass& pass) {
  std::vector<Tensor> results;
  for (const Tensor& pose : inverse_poses(x, Representation::planar, group))
    results.push_back(f.forward(contiguous(pose), pass));
  return results;
}

}  // namespace

DirectCanonicalizer::DirectCanonicalizer(LatticeGroup group, std::int64_t channels, RandomKey key,
                                         const DirectCanonicalizerOptions& options)
    : group_(std::move(group)), network_(add_child<nn::Sequential>("network")) {
  require(options.layers >= 1 && options.kernel % 2 == 1, "DirectCanonicalizer",
          "takes one layer or more and an odd kernel, got {} layers and kernel {}.", options.layers, options.kernel);
  GroupConv2dOptions convolution{
      .padding = (options.kernel - 1) / 2, .implementation = "orbit_gather", .relu = options.layers > 1};
  const nn::LayerOptions layer{.gain = 2, .dtype = options.dtype};
  network_->add<nn::LiftConv2d>("lift", group_, channels, options.fields, options.kernel, key.split(0), convolution,
                                layer);
  for (int i = 1; i < options.layers; ++i) {
    convolution.relu = i + 1 < options.layers;
    network_->add<nn::GroupConv2d>(fmt::format("conv{}", i), group_, options.fields, options.fields, options.kernel,
                                   key.split(static_cast<std::uint64_t>(i)), convolution, layer);
  }
}

Tensor DirectCanonicalizer::forward(const Tensor& x, const nn::Pass& pass) {
  const Tensor features = network_->forward(x, pass);  // [N, K, |G|, H, W]
  std::vector<Tensor> activations;
  for (int h = 0; h < group_.order(); ++h) {
    // Turned back first, the mean adds the same values in the same order for every pose of x.
    const Tensor upright =
        nn::transform(select(features, 2, h), Representation::planar, group_, group_.group.inverse(h));
    activations.push_back(mean(contiguous(upright), {1, 2, 3}));
  }
  return stack(activations, 1);
}

EnergyCanonicalizer::EnergyCanonicalizer(LatticeGroup group, std::shared_ptr<nn::Module> energy)
    : group_(std::move(group)), energy_(std::move(energy)) {
  register_child("energy", energy_);
}

EnergyCanonicalizer::EnergyCanonicalizer(LatticeGroup group, TensorMap energy)
    : EnergyCanonicalizer(std::move(group), std::make_shared<MapModule>(std::move(energy))) {}

Tensor EnergyCanonicalizer::forward(const Tensor& x, const nn::Pass& pass) {
  std::vector<Tensor> energies;
  for (const Tensor& energy : of_inverse_poses(*energy_, x, group_, pass)) {
    require(energy.numel() == x.size(0), "EnergyCanonicalizer",
            "the energy of {} images is {}. Give one number for each.", x.size(0), energy.shape());
    energies.push_back(reshape(energy, {x.size(0)}));
  }
  return -stack(energies, 1);
}

ContrastiveCanonicalizer::ContrastiveCanonicalizer(LatticeGroup group, std::shared_ptr<nn::Module> encoder,
                                                   std::int64_t dimension, RandomKey key, bool learned_reference,
                                                   DType dtype)
    : group_(std::move(group)), encoder_(std::move(encoder)) {
  require(dimension >= 1, "ContrastiveCanonicalizer", "the dimension is {}. Take 1 or more.", dimension);
  const Tensor initial = normal({dimension}, key, 0, 1, dtype);
  reference_ = learned_reference ? register_parameter("reference", initial) : register_buffer("reference", initial);
  register_child("encoder", encoder_);
}

ContrastiveActivations ContrastiveCanonicalizer::activate(const Tensor& x, const nn::Pass& pass) {
  std::vector<Tensor> vectors, activations;
  for (const Tensor& v : of_inverse_poses(*encoder_, x, group_, pass)) {
    require(v.shape() == Shape{x.size(0), reference_.size(0)}, "ContrastiveCanonicalizer",
            "the encoder gives {}, not {}. Use one of the stated dimension.", v.shape(),
            Shape{x.size(0), reference_.size(0)});
    // Rows of 0 have no direction: 1e-24 makes their cosine 0.
    const Tensor lengths = sqrt((sum(v * v, {1}) + 1e-24) * sum(reference_ * reference_));
    activations.push_back(sum(v * reference_, {1}) / lengths);
    vectors.push_back(v);
  }
  return {stack(activations, 1), stack(vectors, 1)};
}

Tensor contrastive_loss(const Tensor& vectors) {
  require(vectors.rank() == 3 && vectors.size(1) >= 2, "contrastive_loss",
          "takes vectors [N, |G|, d] with |G| >= 2, got {}. Give those of activate().", vectors.shape());
  const std::int64_t order = vectors.size(1);
  const Tensor products = absolute(matmul(vectors, transpose(vectors)));
  const Tensor others = 1.0 - identity(order, vectors.dtype(), vectors.device());
  return mean(products * others) * (static_cast<double>(order) / static_cast<double>(order - 1));
}

}  // namespace orbitgrad::models
