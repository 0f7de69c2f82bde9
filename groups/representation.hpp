// Representations of a matrix group as sums of tensor products of atoms: "5T(0)+5T(1)" is five scalars and five
// vectors. T(p,q) = V x .. x V x V* x .. x V*, p times V and q times V*. Coordinates of a sum are those of its terms
// one after another, of n copies n runs, of a product row-major; a product of sums is laid out term by term. Source:
// Finzi, Welling, Wilson (ICML 2021), section 3.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "groups/atom.hpp"

namespace orbitgrad::groups {

/// A tensor product of atoms; of none: the trivial scalar.
class TensorType {
 public:
  TensorType() = default;
  explicit TensorType(std::vector<AtomPointer> factors) : factors_(std::move(factors)) {}
  [[nodiscard]] const std::vector<AtomPointer>& factors() const { return factors_; }
  [[nodiscard]] std::int64_t rank() const { return static_cast<std::int64_t>(factors_.size()); }
  /// Error: above 2^62.
  [[nodiscard]] std::int64_t dimension() const;
  /// "T(2)", "T(1,1)", "irrep(2)*V".
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const TensorType& a, const TensorType& b);

 private:
  std::vector<AtomPointer> factors_;
};

class Representation {
 public:
  struct Term {
    std::int64_t multiplicity = 1;
    TensorType type;
  };

  Representation(MatrixGroup group, std::vector<Term> terms);
  /// Sums, products (*) and multiples (3V, 3*V) of S or 1 (the scalar), V, V*, T(p), T(p,q), Tp, dual(..),
  /// irrep(k), irrep(0o), irrep(l'), regular, quotient(s,..), induced(k,s,..) (see atom.hpp) and brackets.
  /// Error with a caret under the place.
  static Representation parse(std::string_view text, const MatrixGroup& group);

  [[nodiscard]] const MatrixGroup& group() const { return group_; }
  /// Neighbouring terms of one type are one term.
  [[nodiscard]] const std::vector<Term>& terms() const { return terms_; }
  [[nodiscard]] std::int64_t dimension() const;
  /// What parse() reads back.
  [[nodiscard]] std::string to_string() const;

  [[nodiscard]] Representation dual() const;
  /// The same expression as a representation of a subgroup, or of any group for which its atoms make sense.
  [[nodiscard]] Representation restricted_to(const MatrixGroup& group) const;
  friend Representation operator+(const Representation& a, const Representation& b);
  friend Representation operator*(const Representation& a, const Representation& b);
  friend Representation operator*(std::int64_t count, const Representation& a);

  /// y = rho(g) x for x and y [dimension], in place, without a matrix larger than an atom's. T: double (error for a
  /// complex group) or Complex.
  template <class T>
  void apply(const ComplexMatrix& g, std::span<T> x) const;
  /// rho(g), [dimension, dimension]. Error above 4096 dimensions.
  [[nodiscard]] ComplexMatrix matrix(const ComplexMatrix& g) const;
  /// tr rho(g).
  [[nodiscard]] Complex character(const ComplexMatrix& g) const;

 private:
  MatrixGroup group_;
  std::vector<Term> terms_;
};

}  // namespace orbitgrad::groups
