#include "engine/ops/attention.hpp"

#include <cmath>
#include <limits>

#include "engine/dispatch.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/triangular.hpp"

namespace orbitgrad {

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
  constexpr std::string_view op = "attention";
  require(q.defined() && k.defined() && v.defined(), op, "q, k and v must be tensors, got an undefined one. Give all.");
  require_same_kind(op, q, k);
  require_same_kind(op, q, v);
  require(is_floating(q.dtype()), op, "takes float32 or float64, got {}. Convert it first: q.to(DType::float32).",
          name(q.dtype()));
  require(q.rank() >= 2 && k.rank() >= 2 && v.rank() >= 2, op,
          "q, k and v must be [..., length, features], got {}, {} and {}. Reshape them.", q.shape(), k.shape(),
          v.shape());
  require(q.size(-1) == k.size(-1) && k.size(-2) == v.size(-2), op,
          "q {} and k {} must have as many features, k and v {} as many positions. Transpose one of them.", q.shape(),
          k.shape(), v.shape());
  const double scale = options.scale.value_or(1 / std::sqrt(std::max(1.0, static_cast<double>(q.size(-1)))));
  require(std::isfinite(scale), op, "the scale must be a number, got {}. Leave it out for 1 / sqrt(E).", scale);
  const auto result = [&](const Tensor& weights) {
    return matmul(options.dropout == 0 ? weights : dropout(weights, options.dropout, options.key), v);
  };
  // The scale goes onto q, the smaller factor.
  Tensor scores = matmul(q * scale, transpose(k));
  if (scores.size(-1) == 0) return matmul(scores, v);  // zeros

  Tensor allowed;  // undefined: all
  const auto allow = [&](const Tensor& more) { allowed = allowed.defined() ? logical_and(allowed, more) : more; };
  if (const Tensor& mask = options.mask; mask.defined()) {
    require_same_device(op, q, mask);
    require(mask.rank() <= scores.rank() && broadcast_shapes(op, mask.shape(), scores.shape()) == scores.shape(), op,
            "the mask {} does not broadcast to the scores {}. Give it [..., L, S].", mask.shape(), scores.shape());
    if (mask.dtype() == DType::boolean) {
      allow(mask);
    } else {
      require_same_kind(op, q, mask);
      allow(not_equal(mask.detach(), scalar_like(mask, -std::numeric_limits<double>::infinity())));
      scores = scores + where(allowed, mask, scalar_like(mask, 0));
    }
  }
  if (options.causal) allow(tril(full({scores.size(-2), scores.size(-1)}, 1, DType::boolean, q.device())));
  if (!allowed.defined()) return result(softmax(scores));
  // A finite number far below any score, so that a row without an allowed key has a softmax, which is then taken away.
  const Tensor masked = where(allowed, scores, scalar_like(scores, -1e30));
  return result(where(allowed, softmax(masked), scalar_like(scores, 0)));
}

}  // namespace orbitgrad
