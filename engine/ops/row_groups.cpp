#include "engine/ops/row_groups.hpp"

#include "engine/autograd/node.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/transfer.hpp"

namespace orbitgrad {

const RowGroups::Lists& RowGroups::lists() const {
  std::call_once(made_, [this] {
    const NoGrad no_grad;
    const Tensor here = on_host(index_);
    const std::int64_t* row = here.host_data<std::int64_t>();
    // Tensors of their own, so that there being no room is an error like any other.
    Tensor offset = zeros({rows_ + 1}, DType::int64, DeviceKind::cpu);
    Tensor entry = Tensor::empty({count()}, DType::int64, DeviceKind::cpu);
    std::int64_t *start = fresh_host_data<std::int64_t>(offset), *entries = fresh_host_data<std::int64_t>(entry);
    for (std::int64_t k = 0; k < count(); ++k) ++start[row[k] + 1];
    for (std::int64_t r = 0; r < rows_; ++r) start[r + 1] += start[r];
    // start[r] moves to the end of its group, which is where the next one starts.
    for (std::int64_t k = 0; k < count(); ++k) entries[start[row[k]]++] = k;
    for (std::int64_t r = rows_; r > 0; --r) start[r] = start[r - 1];
    start[0] = 0;
    lists_ = {to_device(offset, index_.device()), to_device(entry, index_.device())};
  });
  return lists_;
}

}  // namespace orbitgrad
