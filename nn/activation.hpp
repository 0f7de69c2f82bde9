// Layers without weights: pointwise non-linearities, dropout, flatten.
#pragma once

#include "engine/ops/elementary.hpp"
#include "nn/module.hpp"

namespace orbitgrad::nn {

/// A function of each element. Pointwise, so it keeps the symmetry of regular features.
class Activation : public Module {
 public:
  using Function = Tensor (*)(const Tensor&);
  explicit Activation(Function function) : function_(function) {}
  Tensor forward(const Tensor& x, const Pass&) override { return function_(x); }
  std::shared_ptr<Module> plain(PlainFeatures& features) const override;

 private:
  Function function_;
};

class Relu final : public Activation {
 public:
  Relu() : Activation(relu) {}
};
class Tanh final : public Activation {
 public:
  Tanh() : Activation(tanh) {}
};
class Sigmoid final : public Activation {
 public:
  Sigmoid() : Activation(sigmoid) {}
};
class Gelu final : public Activation {
 public:
  Gelu() : Activation(gelu) {}
};
class Silu final : public Activation {
 public:
  Silu() : Activation(silu) {}
};
class Softplus final : public Activation {
 public:
  Softplus() : Activation(softplus) {}
};

/// In training passes zeroes each element with this probability and scales the others by 1 / (1 - probability); the
/// mask is a function of pass.key.
class Dropout final : public Module {
 public:
  explicit Dropout(double probability);
  Tensor forward(const Tensor& x, const Pass& pass) override;
  std::shared_ptr<Module> plain(PlainFeatures& features) const override;

 private:
  double probability_;
};

/// In training passes drops whole fields, axis 1 of [N, C, ...]: every pixel and group element of a field together, so
/// that regular features stay equivariant. The others are scaled by 1 / (1 - probability).
class FieldDropout final : public Module {
 public:
  explicit FieldDropout(double probability);
  Tensor forward(const Tensor& x, const Pass& pass) override;
  std::shared_ptr<Module> plain(PlainFeatures& features) const override;

 private:
  double probability_;
};

/// Merges the axes from `first` on: [N, C, H, W] -> [N, C H W].
class Flatten final : public Module {
 public:
  explicit Flatten(int first = 1) : first_(first) {}
  Tensor forward(const Tensor& x, const Pass& pass) override;
  std::shared_ptr<Module> plain(PlainFeatures& features) const override;

 private:
  int first_;
};

}  // namespace orbitgrad::nn
