// Dense layers: y = x W^T + b, and the same on the fibre of regular features (engine/ops/fibre_linear.hpp).
#pragma once

#include "engine/ops/affine.hpp"
#include "engine/ops/fibre_linear.hpp"
#include "nn/layer_options.hpp"
#include "nn/module.hpp"

namespace orbitgrad::nn {

/// x [..., in] -> [..., out]. weight [out, in] and bias [out] start uniform in +-1 / sqrt(in); a gain makes the weight
/// normal with variance gain / in instead.
class Linear final : public Module {
 public:
  Linear(std::int64_t in, std::int64_t out, RandomKey key, const LayerOptions& options = {});
  Tensor forward(const Tensor& x, const Pass& pass) override;
  /// activation(x W^T + b), in one pass over the result where the engine has one.
  Tensor activated(const Tensor& x, orbitgrad::Activation activation) const;
  std::shared_ptr<Module> plain(PlainFeatures& features) const override;

 private:
  Tensor weight_, bias_;
};

/// Regular features of any finite group, place by place: [N, in, S, ...] -> [N, out, S, ...], equivariant. weight
/// [out, in, S], variance gain / (S in), gain 1; the bias, one for each field, starts at zero.
class FibreLinear final : public Module {
 public:
  FibreLinear(groups::FiniteGroup group, std::int64_t in, std::int64_t out, RandomKey key, FibreLinearOptions map = {},
              const LayerOptions& options = {});
  Tensor forward(const Tensor& x, const Pass& pass) override;
  std::shared_ptr<Module> plain(PlainFeatures& features) const override;

 private:
  groups::FiniteGroup group_;
  FibreLinearOptions map_;
  Tensor weight_, bias_;
};

}  // namespace orbitgrad::nn
