// Convolution layers: plain, lifting (images to regular features) and group (regular features to regular features).
// Formulas and shapes: engine/ops/convolution.hpp and engine/ops/group_convolution.hpp. Biases start at zero.
#pragma once

#include "engine/ops/convolution.hpp"
#include "engine/ops/group_convolution.hpp"
#include "nn/layer_options.hpp"
#include "nn/module.hpp"

namespace orbitgrad::nn {

/// [N, in, H, W] -> [N, out, Ho, Wo]. weight [out, in / groups, k, k], variance gain / (in / groups k^2), gain 2.
class Conv2d final : public Module {
 public:
  Conv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, RandomKey key, const Conv2dOptions& convolution = {},
         const LayerOptions& options = {});
  /// With these weights; the bias may be undefined.
  Conv2d(const Tensor& weight, const Tensor& bias, const Conv2dOptions& convolution = {});
  Tensor forward(const Tensor& x, const Pass& pass) override;
  std::shared_ptr<Module> plain(PlainFeatures& features) const override;
  /// The layer whose output k is scale[k] of this one's, plus shift[k].
  std::shared_ptr<Conv2d> then_affine(const Tensor& scale, const Tensor& shift) const;

 private:
  Conv2dOptions convolution_;
  Tensor weight_, bias_;
};

/// [N, in, H, W] -> [N, out, S, Ho, Wo]. weight [out, in / groups, k, k], variance gain / (in / groups k^2), gain 1.
class LiftConv2d final : public Module {
 public:
  LiftConv2d(groups::LatticeGroup group, std::int64_t in, std::int64_t out, std::int64_t kernel, RandomKey key,
             const GroupConv2dOptions& convolution = {}, const LayerOptions& options = {});
  Tensor forward(const Tensor& x, const Pass& pass) override;
  std::shared_ptr<Module> plain(PlainFeatures& features) const override;

 private:
  groups::LatticeGroup group_;
  GroupConv2dOptions convolution_;
  Tensor weight_, bias_;
};

/// [N, in, S, H, W] -> [N, out, S, Ho, Wo]. weight [out, in / groups, S, k, k], variance gain / (S in / groups k^2),
/// gain 1.
class GroupConv2d final : public Module {
 public:
  GroupConv2d(groups::LatticeGroup group, std::int64_t in, std::int64_t out, std::int64_t kernel, RandomKey key,
              const GroupConv2dOptions& convolution = {}, const LayerOptions& options = {});
  Tensor forward(const Tensor& x, const Pass& pass) override;
  std::shared_ptr<Module> plain(PlainFeatures& features) const override;

 private:
  groups::LatticeGroup group_;
  GroupConv2dOptions convolution_;
  Tensor weight_, bias_;
};

}  // namespace orbitgrad::nn
