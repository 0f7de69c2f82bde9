#include "nn/equivariant_linear.hpp"

#include <algorithm>
#include <cmath>

#include "engine/error.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/indexing.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/philox_source.hpp"
#include "groups/linear_algebra.hpp"

namespace orbitgrad::nn {

namespace {

groups::Representation scalar(const groups::MatrixGroup& group) { return {group, {{1, groups::TensorType()}}}; }

/// Orthonormal rows if out <= in, else orthonormal columns.
Tensor orthonormal(std::int64_t out, std::int64_t in, RandomKey key, DType dtype) {
  const std::int64_t n = std::max(out, in);
  groups::RandomSource random = philox_source(key);
  const groups::Matrix q = groups::unitary_factor(random.normal_matrix<double>(n, n));
  return narrow(narrow(from_vector(q.values, {n, n}), 0, 0, out), 1, 0, in).to(dtype);
}

/// Whether each component of the type is its own gate.
bool gates_itself(const groups::TensorType& type, const groups::MatrixGroup& group) {
  return type.rank() == 0 || group.is_permutation();
}

}  // namespace

EquivariantLinear::EquivariantLinear(const groups::Representation& in, const groups::Representation& out, RandomKey key,
                                     groups::BasisLibrary<double>& library, DType dtype)
    : weight_projection_(out, in, library, dtype), bias_projection_(out, scalar(out.group()), library, dtype) {
  const std::int64_t rows = out.dimension();
  weight_ = register_parameter("weight", contiguous(orthonormal(rows, in.dimension(), key.split("weight"), dtype)));
  bias_ = register_parameter("bias",
                             uniform({rows}, key.split("bias"), 0, 1 / std::sqrt(static_cast<double>(rows)), dtype));
}

Tensor EquivariantLinear::forward(const Tensor& x, const Pass&) {
  require(x.rank() == 2 && x.size(1) == weight_.size(1), "EquivariantLinear", "takes [N, {}], got {}. Flatten samples.",
          weight_.size(1), x.shape().to_string());
  return matmul(x, transpose(effective_weight())) + effective_bias();
}

groups::Representation gated(const groups::Representation& rho) {
  std::int64_t gates = 0;
  for (const auto& term : rho.terms())
    if (!gates_itself(term.type, rho.group())) gates += term.multiplicity;
  auto terms = rho.terms();
  terms.push_back({gates, groups::TensorType()});
  return {rho.group(), std::move(terms)};
}

GatedNonlinearity::GatedNonlinearity(const groups::Representation& rho) : out_(rho.dimension()) {
  std::vector<std::int64_t> gates;
  std::int64_t next = out_;
  for (const auto& term : rho.terms())
    for (std::int64_t copy = 0; copy < term.multiplicity; ++copy) {
      const bool own = gates_itself(term.type, rho.group());
      for (std::int64_t i = 0; i < term.type.dimension(); ++i)
        gates.push_back(own ? static_cast<std::int64_t>(gates.size()) : next);
      if (!own) ++next;
    }
  in_ = next;
  gates_ = from_vector(gates, {out_}, DeviceKind::cpu);
}

Tensor GatedNonlinearity::forward(const Tensor& x, const Pass&) {
  require(x.rank() == 2 && x.size(1) == in_, "GatedNonlinearity", "takes [N, {}], got {}. Give it gated(rho).", in_,
          x.shape().to_string());
  return narrow(x, 1, 0, out_) * sigmoid(index_select(x, 1, gates_.to(x.device())));
}

}  // namespace orbitgrad::nn
