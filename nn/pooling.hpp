// Pooling layers: over windows of pixels, over the group axis, and over everything.
#pragma once

#include "engine/ops/pooling.hpp"
#include "nn/module.hpp"

namespace orbitgrad::nn {

/// Windows of the last two axes, [N, C, H, W] or [N, C, S, H, W].
class MaxPool2d final : public Module {
 public:
  explicit MaxPool2d(const Pool2dOptions& options = {}) : options_(options) {}
  Tensor forward(const Tensor& x, const Pass& pass) override;
  std::shared_ptr<Module> plain(PlainFeatures& features) const override;

 private:
  Pool2dOptions options_;
};

class AveragePool2d final : public Module {
 public:
  explicit AveragePool2d(const Pool2dOptions& options = {}) : options_(options) {}
  Tensor forward(const Tensor& x, const Pass& pass) override;
  std::shared_ptr<Module> plain(PlainFeatures& features) const override;

 private:
  Pool2dOptions options_;
};

enum class PoolKind { max, mean };

/// Regular features to a planar image per field: [N, C, S, H, W] -> [N, C, H, W].
class GroupPool final : public Module {
 public:
  explicit GroupPool(PoolKind kind = PoolKind::max) : kind_(kind) {}
  Tensor forward(const Tensor& x, const Pass& pass) override;
  std::shared_ptr<Module> plain(PlainFeatures& features) const override;

 private:
  PoolKind kind_;
};

/// The same where regular features stand as channels: [N, C S, ...] -> [N, C, ...], over S channels in a row.
class ChannelPool final : public Module {
 public:
  ChannelPool(PoolKind kind, std::int64_t channels) : kind_(kind), channels_(channels) {}
  Tensor forward(const Tensor& x, const Pass& pass) override;
  std::shared_ptr<Module> plain(PlainFeatures& features) const override;

 private:
  PoolKind kind_;
  std::int64_t channels_;
};

enum class PoolOver { pixels, group_and_pixels };

/// Over all pixels, [N, C, H, W] -> [N, C] and [N, C, S, H, W] -> [N, C, S], or over the group axis as well,
/// [N, C, S, H, W] -> [N, C]. The maximum keeps an equivariant network invariant bit for bit; a mean adds in the order
/// of memory, so its last bits depend on the pose.
class GlobalPool final : public Module {
 public:
  explicit GlobalPool(PoolKind kind = PoolKind::max, PoolOver over = PoolOver::pixels) : kind_(kind), over_(over) {}
  Tensor forward(const Tensor& x, const Pass& pass) override;
  std::shared_ptr<Module> plain(PlainFeatures& features) const override;

 private:
  PoolKind kind_;
  PoolOver over_;
};

}  // namespace orbitgrad::nn
