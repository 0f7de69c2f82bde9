// How far a function is from f(L_h x) = L_h f(x), for every element h of a lattice group: the relative error
// max|f(L_h x) - L_h f(x)| / max|f(x)|, and the values and bits in which the two sides differ.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "groups/lattice_group.hpp"
#include "nn/module.hpp"

namespace orbitgrad::nn {

/// How the group moves a tensor: not at all, as an image [..., H, W], as regular features [..., S, H, W], or as a
/// vector over the group [..., S] (regular features of one pixel, without their pixel axes).
enum class Representation { invariant, planar, regular, regular_vector };

struct ElementError {
  int element = 0;
  double relative_error = 0;
  std::int64_t differing_values = 0;
  std::int64_t differing_bits = 0;
};

struct EquivarianceReport {
  std::vector<ElementError> elements;  // one per element, in the group's order
  std::int64_t values = 0;             // of one output

  double max_relative_error() const;
  std::int64_t differing_values() const;
  std::int64_t differing_bits() const;
  /// True if every bit agrees for every element.
  bool is_exact() const { return differing_values() == 0; }
  /// One line per element.
  std::string to_string() const;
};

using TensorMap = std::function<Tensor(const Tensor&)>;

/// Moves x by an element.
Tensor transform(const Tensor& x, Representation how, const groups::LatticeGroup& group, int element);

EquivarianceReport check_equivariance(const TensorMap& f, const Tensor& x, const groups::LatticeGroup& group,
                                      Representation input, Representation output);

/// In an evaluation pass. x [N, C, H, W] moves as an image, [N, C, S, H, W] as regular features. Without an output
/// representation its rank decides: 4 planar, 5 regular, else invariant.
EquivarianceReport check_equivariance(Module& module, const Tensor& x, const groups::LatticeGroup& group);
EquivarianceReport check_equivariance(Module& module, const Tensor& x, const groups::LatticeGroup& group,
                                      Representation output);

}  // namespace orbitgrad::nn
