// Scaled dot-product attention: softmax(q k^T scale + mask) v.
#pragma once

#include <optional>

#include "engine/random.hpp"

namespace orbitgrad {

struct AttentionOptions {
  /// Broadcasts to [..., L, S]: bool, true where a query may look at a key; or floating, added to the scores.
  Tensor mask = {};
  /// Query i looks at the keys 0 .. i only.
  bool causal = false;
  /// 1 / sqrt(E) when absent.
  std::optional<double> scale = {};
  /// Zeroes each weight of the softmax with this probability and scales the others, by a mask that the key gives.
  double dropout = 0;
  RandomKey key = {};
};

/// q [..., L, E], k [..., S, E], v [..., S, V] -> [..., L, V]; leading axes broadcast. A query that may look at nothing
/// (a mask of false, or of -infinity) gives 0. Differentiable to any order.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options = {});

}  // namespace orbitgrad
