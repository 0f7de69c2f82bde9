// Convolution layers of volumes: lifting (volumes to regular features) and group (regular features to regular
// features). Formulas and shapes: engine/ops/group_convolution3d.hpp. Biases start at zero.
#pragma once

#include "engine/ops/group_convolution3d.hpp"
#include "nn/layer_options.hpp"
#include "nn/module.hpp"

namespace orbitgrad::nn {

/// [N, in, D, H, W] -> [N, out, S, Do, Ho, Wo]. weight [out, in / groups, k, k, k], variance gain / (in / groups k^3),
/// gain 1.
class LiftConv3d final : public Module {
 public:
  LiftConv3d(groups::VoxelGroup group, std::int64_t in, std::int64_t out, std::int64_t kernel, RandomKey key,
             const GroupConv3dOptions& convolution = {}, const LayerOptions& options = {});
  Tensor forward(const Tensor& x, const Pass& pass) override;

 private:
  groups::VoxelGroup group_;
  GroupConv3dOptions convolution_;
  Tensor weight_, bias_;
};

/// [N, in, S, D, H, W] -> [N, out, S, Do, Ho, Wo]. weight [out, in / groups, S, k, k, k], variance
/// gain / (S in / groups k^3), gain 1.
class GroupConv3d final : public Module {
 public:
  GroupConv3d(groups::VoxelGroup group, std::int64_t in, std::int64_t out, std::int64_t kernel, RandomKey key,
              const GroupConv3dOptions& convolution = {}, const LayerOptions& options = {});
  Tensor forward(const Tensor& x, const Pass& pass) override;

 private:
  groups::VoxelGroup group_;
  GroupConv3dOptions convolution_;
  Tensor weight_, bias_;
};

}  // namespace orbitgrad::nn
