// Ops on half tensors (bfloat16, float16): the operands are read as float32, the op runs, its result is rounded once.
// Both conversions are recorded, so derivatives are computed in float32 too. Included by op sources: an op that has no
// kernel for half types begins with `if (is_half(x.dtype())) return in_float32(x, op);`.
#pragma once

#include <utility>

#include "engine/ops/cast.hpp"

namespace orbitgrad {

/// The type of a result of a half tensor and another floating one: that of both if they agree, else the wider of the
/// two, and float32 for bfloat16 with float16.
constexpr DType common_type(DType a, DType b) {
  if (a == b) return a;
  if (is_half(a) && is_half(b)) return DType::float32;
  return is_half(a) ? b : a;
}

/// Whether a binary op on these goes through in_float32: floating types, one of them half.
constexpr bool is_half_pair(DType a, DType b) { return (is_half(a) || is_half(b)) && is_floating(a) && is_floating(b); }

/// x in float32 if it is half, else x itself; absent stays absent.
inline Tensor widened(const Tensor& x) { return x.defined() && is_half(x.dtype()) ? cast(x, DType::float32) : x; }

/// op(x) of a half tensor.
template <class Op>
Tensor in_float32(const Tensor& x, Op&& op) {
  return cast(std::forward<Op>(op)(cast(x, DType::float32)), x.dtype());
}

/// a and b of is_half_pair in the type they are computed in.
inline std::pair<Tensor, Tensor> widened(const Tensor& a, const Tensor& b) {
  const DType common = common_type(a.dtype(), b.dtype());
  const DType computed = is_half(common) ? DType::float32 : common;
  return {cast(a, computed), cast(b, computed)};
}

/// op(a, b) of is_half_pair; the result has their common type.
template <class Op>
Tensor in_float32(const Tensor& a, const Tensor& b, Op&& op) {
  const auto [p, q] = widened(a, b);
  return cast(std::forward<Op>(op)(p, q), common_type(a.dtype(), b.dtype()));
}

}  // namespace orbitgrad
