// An orthonormal basis Q [n, r] of the tensors of one type that a group leaves as they are, and the orthogonal
// projector P = Q Q^H onto them. Stored as what it is: everything, orbits of coordinates, or sparse columns.
#pragma once

#include "groups/representation.hpp"

namespace orbitgrad::groups {

/// Columns one after another: entries begin[k] .. begin[k + 1] - 1 belong to column k.
template <class T>
struct SparseColumns {
  std::vector<std::int64_t> begin{0};
  std::vector<std::int64_t> rows;
  std::vector<T> values;

  void finish_column() { begin.push_back(static_cast<std::int64_t>(rows.size())); }
  [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(begin.size()) - 1; }
};

/// How a basis came about.
struct BasisReport {
  std::string solver;   // "everything", "scaling", "orbits", "invariant theory", "embedding", "product", "dense", ..
  double residual = 0;  // largest |C q| of the unit vectors q checked
  double gap = 0;       // of the solvers "dense" and "lanczos", see null_space.hpp; else 0
  double seconds = 0;
};

template <class T>
class InvariantBasis {
 public:
  /// All n coordinates.
  static InvariantBasis everything(std::int64_t n);
  /// orbit_of [n] in 0 .. r-1: Q's column k is constant on orbit k.
  static InvariantBasis of_orbits(std::vector<std::int32_t> orbit_of);
  /// Orthonormal columns.
  static InvariantBasis of_columns(std::int64_t n, SparseColumns<T> columns);

  [[nodiscard]] std::int64_t space_dimension() const { return size_; }
  /// r.
  [[nodiscard]] std::int64_t rank() const { return rank_; }
  [[nodiscard]] const BasisReport& report() const { return report_; }
  void set_report(BasisReport report) { report_ = std::move(report); }
  [[nodiscard]] bool is_everything() const { return orbit_of_.empty() && columns_.count() == 0 && rank_ == size_; }
  /// Empty unless stored as orbits.
  [[nodiscard]] std::span<const std::int32_t> orbit_of() const { return orbit_of_; }

  /// c = Q^H x [r] for x [n].
  [[nodiscard]] std::vector<T> coefficients(std::span<const T> x) const;
  /// x = Q c [n] for c [r].
  [[nodiscard]] std::vector<T> expand(std::span<const T> coefficients) const;
  /// x -> P x.
  void project(std::span<T> x) const;
  [[nodiscard]] SparseColumns<T> to_columns() const;
  /// Q [n, r]. Error above a quarter of a billion entries.
  [[nodiscard]] MatrixOf<T> to_dense() const;

 private:
  std::int64_t size_ = 0, rank_ = 0;
  std::vector<std::int32_t> orbit_of_;
  std::vector<double> orbit_weight_;  // 1 / sqrt(length)
  SparseColumns<T> columns_;
  BasisReport report_;
};

struct BasisOptions {
  std::int64_t memory_limit = std::int64_t{2} << 30;  // bytes
  bool closed_forms = true;                           // false: always solve, to check them
};

/// The basis for a type, by a closed form where there is one. T = double for real groups (error for complex ones).
/// Errors: too large for the memory limit (found out before allocating), no clear gap; a residual above 1e-10.
template <class T>
[[nodiscard]] InvariantBasis<T> invariant_basis(const TensorType& type, const MatrixGroup& group,
                                                const BasisOptions& options = {});

}  // namespace orbitgrad::groups
