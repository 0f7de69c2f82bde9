// Derivatives of a module by its parameters, which the update door moves: first and second ones against differences.
#pragma once

#include <cmath>
#include <functional>

#include "engine/autograd/grad.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/update.hpp"
#include "tests/nn/support.hpp"

namespace orbitgrad::testing_support {

/// Along one random direction of each leaf: the derivative of `loss`, a smooth scalar, and that of its slope along
/// fixed directions of all leaves. float64.
inline void expect_derivatives(const std::function<Tensor()>& loss, std::vector<Tensor> leaves, RandomKey key) {
  if (default_device() != DeviceKind::cpu) return;  // a module adds nothing to the ops, whose derivatives are checked
  const auto direction = [&](std::size_t i, std::uint64_t which) {
    return normal(leaves[i].shape(), key.split(which).split(i), 0, 1, DType::float64);
  };
  const auto slope = [&] {
    const auto gradients = grad({loss()}, leaves, {.create_graph = true});
    Tensor total = zeros({}, DType::float64);
    for (std::size_t i = 0; i < leaves.size(); ++i) total = total + sum(gradients[i] * direction(i, 0));
    return total;
  };
  const auto check = [&](std::string_view order, const std::function<Tensor()>& value) {
    const auto analytic = grad({value()}, leaves, {.allow_unused = true});
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      Tensor& leaf = leaves[i];
      const Tensor kept = leaf.detach() * 1.0, along = direction(i, 1);
      const double step = 1e-5;
      const auto at = [&](double distance) {
        assign(leaf, kept + along * distance);
        return value().item();
      };
      const double numeric = (at(step) - at(-step)) / (2 * step);
      assign(leaf, kept);
      const double exact = analytic[i].defined() ? sum(analytic[i] * along).item() : 0;
      EXPECT_NEAR(numeric, exact, 1e-6 * (1 + std::abs(exact))) << order << " derivative by leaf " << i;
    }
  };
  check("first", loss);
  check("second", slope);
}

/// Every parameter random, so that none hides behind a start at 0 or 1.
inline void randomise(nn::Module& module, RandomKey key) {
  std::uint64_t i = 0;
  for (nn::NamedTensor& part : module.named_parameters())
    assign(part.tensor, normal(part.tensor.shape(), key.split("randomise").split(i++), 0, 0.5, part.tensor.dtype()));
}

/// x and the parameters.
inline std::vector<Tensor> leaves_of(const nn::Module& module, std::vector<Tensor> others) {
  for (const Tensor& parameter : module.parameters()) others.push_back(parameter);
  return others;
}

/// Standard normal float64, a leaf.
inline Tensor normal_leaf(const Shape& shape, RandomKey key) {
  Tensor x = normal(shape, key, 0, 1, DType::float64);
  return x.set_requires_grad();
}

}  // namespace orbitgrad::testing_support
