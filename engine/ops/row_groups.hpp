// The positions k with index[k] = r for every r, in order of k: what turns a sum by index into a product with a sparse
// matrix. Included by op sources only.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "engine/ops/checked_index.hpp"
#include "engine/tensor.hpp"

namespace orbitgrad {

/// Immutable but for the lists, which are made when first asked for: on the host, or by sorting on the device in a step
/// that is captured, whose runs may have other indices.
class RowGroups {
 public:
  /// index: int64 [n] on any device, checked: each in [0, rows).
  RowGroups(Tensor index, std::int64_t rows) : index_(std::move(index)), rows_(rows) {}

  /// Group r is entry[offset[r]] .. entry[offset[r + 1] - 1]. Both int64, on the device of the index.
  struct Lists {
    Tensor offset, entry;
  };
  Lists lists() const;

  const Tensor& index() const { return index_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t count() const { return index_.numel(); }

 private:
  Tensor index_;
  std::int64_t rows_;
  mutable std::mutex mutex_;
  mutable Lists lists_;  // undefined until they are made
};

}  // namespace orbitgrad
