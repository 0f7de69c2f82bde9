// Linear maps W [n_out, n_in] with rho_out(g) W = W rho_in(g): the invariants of rho_out x rho_in*, found block by
// block. All copies of one pair of types share one basis, so that n_out * n_in never becomes the side of a matrix.
#pragma once

#include <memory>

#include "groups/basis_library.hpp"

namespace orbitgrad::groups {

template <class T>
class EquivariantMaps {
 public:
  /// Every block of W between a copy of an output type and a copy of an input type with the same joint type.
  struct BlockGroup {
    TensorType type;  // out x in*
    std::shared_ptr<const InvariantBasis<T>> basis;
    std::int64_t rows = 0, cols = 0;                            // of a block
    std::vector<std::pair<std::int64_t, std::int64_t>> corner;  // of each: (row, col)
  };

  /// Error: representations of different groups.
  EquivariantMaps(const Representation& out, const Representation& in, BasisLibrary<T>& library);

  [[nodiscard]] std::int64_t out_dimension() const { return out_; }
  [[nodiscard]] std::int64_t in_dimension() const { return in_; }
  [[nodiscard]] const std::vector<BlockGroup>& blocks() const { return blocks_; }
  /// Dimension of the space of equivariant maps.
  [[nodiscard]] std::int64_t dimension() const;
  /// The orthogonal projection of W [n_out, n_in], row-major, in place.
  void project(std::span<T> weight) const;
  /// Orthonormal basis [n_out n_in, dimension]. Error above a quarter of a billion entries.
  [[nodiscard]] MatrixOf<T> to_dense() const;
  /// Solvers joined, largest residual, smallest gap, sum of the seconds.
  [[nodiscard]] BasisReport report() const;

 private:
  std::int64_t out_ = 0, in_ = 0;
  std::vector<BlockGroup> blocks_;
};

}  // namespace orbitgrad::groups
