// Layers between representations of a matrix group, of EMLP: Finzi, Welling, Wilson, "A practical method for
// constructing equivariant multilayer perceptrons for arbitrary matrix groups" (ICML 2021), sections 5 and 6.
#pragma once

#include "nn/equivariant_projection.hpp"
#include "nn/module.hpp"

namespace orbitgrad::nn {

/// y = P(W) x + P(b): a dense layer whose weights are projected in every call, so that any W and b give an equivariant
/// map. x [N, in] -> [N, out]. W [out, in] starts with orthonormal rows or columns, b [out] uniform in
/// [0, 1 / sqrt(out)).
class EquivariantLinear final : public Module {
 public:
  EquivariantLinear(const groups::Representation& in, const groups::Representation& out, RandomKey key,
                    groups::BasisLibrary<double>& library, DType dtype = DType::float32);
  Tensor forward(const Tensor& x, const Pass& pass) override;
  /// P(W) and P(b).
  Tensor effective_weight() const { return weight_projection_(weight_); }
  Tensor effective_bias() const { return bias_projection_(bias_); }

 private:
  EquivariantProjection weight_projection_, bias_projection_;
  Tensor weight_, bias_;
};

/// The representation followed by one scalar, its gate, for each copy of a type that is neither a scalar nor permuted
/// by the group.
groups::Representation gated(const groups::Representation& rho);

/// x of gated(rho) [N, ..] -> rho [N, ..]: each copy times the sigmoid of its gate; a scalar, and each component that
/// the group permutes, is its own gate.
class GatedNonlinearity final : public Module {
 public:
  explicit GatedNonlinearity(const groups::Representation& rho);
  Tensor forward(const Tensor& x, const Pass& pass) override;

 private:
  std::int64_t out_ = 0, in_ = 0;
  Tensor gates_;  // position of each component's gate
};

/// y = 0.1 M(x) x: M(x) maps copies of one type to copies of another, and its elements are learned combinations of
/// those copies in x that transform like them. Evaluated factor by factor; M(x) never exists. For each joint type that
/// x holds, n = min(its copies in x, its dimension) copies are drawn with replacement, as in the authors' code; the
/// draw is a function of the key and part of the saved state. Types built of V and V* only. x [N, d] -> [N, d].
class EquivariantBilinear final : public Module {
 public:
  EquivariantBilinear(const groups::Representation& rho, RandomKey key, DType dtype = DType::float32);
  Tensor forward(const Tensor& x, const Pass& pass) override;

 private:
  struct Term {  // one type in rho
    std::int64_t begin = 0, copies = 0, size = 0, up = 0, down = 0;
  };
  struct Product {
    std::size_t out = 0, in = 0, joint = 0;  // terms
    std::vector<std::int64_t> axes = {};     // order of the axes of a copy of the joint type, as out x in
    Tensor weight = {};                      // [out copies, in copies, chosen]
  };
  Tensor evaluate(const Product& product, Tensor matrices, const Tensor& vectors) const;
  Tensor copies_of(const Tensor& x, const Term& term) const;  // [N, copies, size]

  std::int64_t size_ = 0, base_ = 0;
  std::vector<Term> terms_;
  std::vector<Tensor> chosen_;  // by term: positions of its chosen copies; undefined: the type is not used
  std::vector<Product> products_;
};

}  // namespace orbitgrad::nn
