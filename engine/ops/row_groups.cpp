#include "engine/ops/row_groups.hpp"

#include "engine/autograd/node.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/transfer.hpp"

namespace orbitgrad {

Tensor checked_index(std::string_view op, const Tensor& index, std::int64_t length) {
  require(index.dtype() == DType::int64, op, "positions must be int64, got {}. Convert with to(DType::int64).",
          name(index.dtype()));
  const Tensor dense = contiguous(index), here = on_host(dense);
  const std::int64_t* values = here.host_data<std::int64_t>();
  bool has_negative = false;
  for (std::int64_t i = 0; i < dense.numel(); ++i) {
    require(values[i] >= -length && values[i] < length, op,
            "position {} is outside an axis of length {}. Use -{} to {}.", values[i], length, length, length - 1);
    has_negative = has_negative || values[i] < 0;
  }
  if (!has_negative) return dense;
  Tensor moved = Tensor::empty(dense.shape(), DType::int64, DeviceKind::cpu);
  std::int64_t* target = fresh_host_data<std::int64_t>(moved);
  for (std::int64_t i = 0; i < dense.numel(); ++i) target[i] = values[i] < 0 ? values[i] + length : values[i];
  return to_device(moved, index.device());
}

const RowGroups::Lists& RowGroups::lists() const {
  std::call_once(made_, [this] {
    const NoGrad no_grad;
    const Tensor here = on_host(index_);
    const std::int64_t* row = here.host_data<std::int64_t>();
    std::vector<std::int64_t> offset(static_cast<std::size_t>(rows_) + 1), entry(static_cast<std::size_t>(count()));
    for (std::int64_t k = 0; k < count(); ++k) ++offset[static_cast<std::size_t>(row[k]) + 1];
    for (std::size_t r = 1; r < offset.size(); ++r) offset[r] += offset[r - 1];
    std::vector<std::int64_t> next = offset;
    for (std::int64_t k = 0; k < count(); ++k)
      entry[static_cast<std::size_t>(next[static_cast<std::size_t>(row[k])]++)] = k;
    lists_ = {from_vector(offset, {rows_ + 1}, index_.device()), from_vector(entry, {count()}, index_.device())};
  });
  return lists_;
}

}  // namespace orbitgrad
