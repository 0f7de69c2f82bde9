// A group of d x d matrices, real or complex, given by generators: a basis A_1 .. A_D of (or generators of) its Lie
// algebra and matrices h_1 .. h_M that reach the other components. Its elements are the products of exp(sum z_i A_i)
// and h_j.
// Source: Finzi, Welling, Wilson, "A practical method for constructing equivariant multilayer perceptrons for arbitrary
// matrix groups" (ICML 2021).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "groups/matrix.hpp"
#include "groups/random_source.hpp"

namespace orbitgrad::groups {

class MatrixGroup;

/// Which closed form and which exact sampler a group has, beyond its generators.
enum class Family {
  generic,
  special_orthogonal,
  orthogonal,
  special_unitary,
  unitary,
  symmetric,
  scaling,
  embedding,       // parts[0] acts on `coordinates`, the other coordinates are fixed
  direct_product,  // Kronecker product of parts[0] and parts[1]
};

/// First fundamental theorem (Weyl): all invariant tensors are products of these and of the pairing of V with V*.
struct FundamentalInvariants {
  std::optional<Matrix> form;  // g_ij invariant in V* x V*: symmetric or alternating, its own inverse up to the sign
  bool volume = false;         // the Levi-Civita tensor is invariant
};

struct GroupStructure {
  Family family = Family::generic;
  std::optional<FundamentalInvariants> fundamental;
  std::vector<MatrixGroup> parts;
  std::vector<std::int64_t> coordinates;
};

class MatrixGroup {
 public:
  /// Error that names the generator: not d x d, an entry that is not finite, a discrete generator that is singular.
  MatrixGroup(std::string name, std::int64_t dimension, std::vector<ComplexMatrix> lie_generators,
              std::vector<ComplexMatrix> discrete_generators, GroupStructure structure = {});
  MatrixGroup(std::string name, std::int64_t dimension, const std::vector<Matrix>& lie_generators,
              const std::vector<Matrix>& discrete_generators, GroupStructure structure = {});

  [[nodiscard]] const std::string& name() const;
  /// d.
  [[nodiscard]] std::int64_t dimension() const;
  [[nodiscard]] std::span<const ComplexMatrix> lie_generators() const;
  [[nodiscard]] std::span<const ComplexMatrix> discrete_generators() const;
  [[nodiscard]] const GroupStructure& structure() const;

  /// No generator has an imaginary part.
  [[nodiscard]] bool is_real() const;
  /// Every A skew-Hermitian and every h unitary, to a relative 1e-10: V* is the complex conjugate of V, and V itself if
  /// the group is real.
  [[nodiscard]] bool is_unitary() const;
  [[nodiscard]] bool is_orthogonal() const { return is_real() && is_unitary(); }
  /// No A, and every h a permutation matrix.
  [[nodiscard]] bool is_permutation() const;

  /// exp(sum z_i A_i) with z normal, times three rounds of powers -5 .. 4 of the h_j in random order. Not Haar; see
  /// haar.hpp. `boost_scale` multiplies z of generators that are not skew-Hermitian, which keeps boosts moderate.
  [[nodiscard]] ComplexMatrix random_element(RandomSource& random, double boost_scale = 0.3) const;

 private:
  struct Data;
  std::shared_ptr<const Data> data_;
};

}  // namespace orbitgrad::groups
