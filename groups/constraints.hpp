// The linear equations of invariance on a tensor type: drho(A_i) v = 0 for the Lie algebra and rho(h_j) v = v for the
// discrete generators, stacked into C v = 0. Never a matrix: atoms act along one axis at a time.
#pragma once

#include "groups/lazy_tensor.hpp"
#include "groups/representation.hpp"

namespace orbitgrad::groups {

template <class T>
class Constraints {
 public:
  Constraints(const TensorType& type, const MatrixGroup& group);

  [[nodiscard]] std::int64_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return lie_.empty() && discrete_.empty(); }
  /// y = C^H C x; x and y [size].
  void apply_gram(std::span<const T> x, std::span<T> y);
  /// |C x|.
  [[nodiscard]] double residual(std::span<const T> x);
  /// At least the largest |C x| / |x|, by the norms of the generators' matrices: what rounding is measured by.
  [[nodiscard]] double scale() const;
  /// Everything that decides the solution, as bytes: sizes, atoms and their matrices at all generators.
  [[nodiscard]] std::string key() const;
  /// No Lie algebra, and every atom a permutation matrix at every generator: images[generator][axis][i].
  [[nodiscard]] std::vector<std::vector<std::vector<std::int32_t>>> permutation_images() const;

 private:
  using Axes = std::vector<SparseMatrix<T>>;  // one matrix an axis
  void apply_algebra(const Axes& axes, std::span<const T> x, std::span<T> y) const;

  std::int64_t size_ = 1;
  std::vector<Axes> lie_, lie_adjoint_, discrete_, discrete_adjoint_;
  std::vector<T> image_, moved_, work_;
};

}  // namespace orbitgrad::groups
