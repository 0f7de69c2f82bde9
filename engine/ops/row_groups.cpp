#include "engine/ops/row_groups.hpp"

#include <limits>

#include "engine/autograd/node.hpp"
#include "engine/captured_step.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/sorting.hpp"
#include "engine/ops/transfer.hpp"

namespace orbitgrad {

namespace {

/// By counting, in one pass over the index.
RowGroups::Lists lists_by_host(const Tensor& index, std::int64_t rows) {
  const std::int64_t count = index.numel();
  const Tensor here = on_host(index);
  const std::int64_t* row = here.host_data<std::int64_t>();
  // Tensors of their own, so that there being no room is an error like any other.
  Tensor offset = zeros({rows + 1}, DType::int64, DeviceKind::cpu);
  Tensor entry = Tensor::empty({count}, DType::int64, DeviceKind::cpu);
  std::int64_t *start = fresh_host_data<std::int64_t>(offset), *entries = fresh_host_data<std::int64_t>(entry);
  for (std::int64_t k = 0; k < count; ++k) ++start[row[k] + 1];
  for (std::int64_t r = 0; r < rows; ++r) start[r + 1] += start[r];
  // start[r] moves to the end of its group, which is where the next one starts.
  for (std::int64_t k = 0; k < count; ++k) entries[start[row[k]]++] = k;
  for (std::int64_t r = rows; r > 0; --r) start[r] = start[r - 1];
  start[0] = 0;
  return {to_device(offset, index.device()), to_device(entry, index.device())};
}

/// The same integers: the sort is stable, and row r begins where it would be inserted.
RowGroups::Lists lists_by_device(const Tensor& index, std::int64_t rows) {
  const Sorted sorted = sort(index);
  return {searchsorted(sorted.values, arange(rows + 1, DType::int64, index.device())), sorted.positions};
}

}  // namespace

RowGroups::Lists RowGroups::lists() const {
  require(rows_ < std::numeric_limits<std::int64_t>::max(), "segments",
          "{} rows, and one place more, have no 64-bit count. Use fewer.", rows_);
  const NoGrad no_grad;
  const std::lock_guard lock(mutex_);
  if (lists_.offset.defined()) return lists_;
  // Not kept: what is recorded has not run, and never does if the recording is given up.
  if (index_.device() != DeviceKind::cpu && is_capturing()) return lists_by_device(index_, rows_);
  return lists_ = lists_by_host(index_, rows_);
}

}  // namespace orbitgrad
