// The orthogonal projection of weights onto the maps that commute with a group, as one differentiable op: W is sorted
// into runs of blocks with equal joint type, each run [blocks, n] is multiplied by Q Q^T of its type, and sorted back.
// It is its own adjoint, so its derivative is the op itself. Dense Q Q^T of the whole W never exists.
// Source: Finzi, Welling, Wilson (ICML 2021), section 5.
#pragma once

#include <memory>
#include <vector>

#include "engine/tensor.hpp"
#include "groups/equivariant_maps.hpp"

namespace orbitgrad::nn {

class EquivariantProjection {
 public:
  /// Onto maps in -> out, both of one real group. `dtype` is that of the weights.
  EquivariantProjection(const groups::Representation& out, const groups::Representation& in,
                        groups::BasisLibrary<double>& library, DType dtype = DType::float32);

  /// P W for W [out, in]; with `in` the scalar also for a bias [out]. Differentiable to any order.
  Tensor operator()(const Tensor& weight) const;
  /// Dimension of the space projected onto.
  std::int64_t dimension() const { return dimension_; }

 private:
  struct Run {
    std::int64_t begin = 0, blocks = 0, size = 0;  // elements begin .. begin + blocks * size - 1 of the sorted weights
    Tensor basis = {};                             // Q [size, rank]; undefined: everything is equivariant
    Tensor projector = {};                         // Q Q^T where that is cheaper
    std::int64_t rank = 0;                         // 0: only 0 is equivariant
  };
  /// The blocks of one shape and basis, for weights in host memory: each is projected where it lies, entry by entry of
  /// Q.
  struct Blocks {
    std::vector<std::int64_t> corners;          // offsets in W
    std::vector<std::int64_t> column, offsets;  // entries of column k of Q, as offsets from a corner
    std::vector<double> values;
  };
  struct Plan {
    std::int64_t count = 0;
    Tensor sorted, restored;  // positions, int64
    std::vector<Run> runs;
    std::vector<Blocks> blocks;
    bool few_entries = false;  // so few entries in the bases that host memory needs no matrix products
    Tensor apply(const Tensor& weight) const;
    Tensor apply_by_entries(const Tensor& weight) const;
  };
  struct ProjectionNode;
  static Tensor project(const std::shared_ptr<const Plan>& plan, const Tensor& weight);

  std::shared_ptr<const Plan> plan_;
  std::int64_t dimension_ = 0;
};

}  // namespace orbitgrad::nn
