// Tensor::to_string: NumPy-like text.
#include <cmath>

#include "engine/ops/transfer.hpp"
#include "engine/tensor.hpp"

namespace orbitgrad {

namespace {

constexpr std::int64_t edge_items = 3;     // shown at each end of a shortened axis
constexpr std::int64_t full_count = 1000;  // tensors up to this many elements are shown whole

template <class T>
std::string element(T value) {
  if constexpr (std::is_same_v<T, bool>)
    return value ? "true" : "false";
  else if constexpr (kernels::is_half_type<T>)
    return element(static_cast<float>(value));
  else if constexpr (std::is_floating_point_v<T>)
    return fmt::format("{:.6g}", value);
  else
    return fmt::format("{}", value);
}

template <class T>
class Printer {
 public:
  explicit Printer(const Tensor& dense)
      : data_(dense.host_data<T>()),
        sizes_(dense.shape().begin(), dense.shape().end()),
        shorten_(dense.numel() > full_count),
        is_empty_(dense.numel() == 0) {
    if (is_empty_) return;  // an axis before the empty one may be of any length
    visit(0, 0, [&](std::int64_t index) { width_ = std::max(width_, element<T>(data_[index]).size()); });
  }

  std::string text() { return is_empty_ ? "[]" : block(0, 0); }

 private:
  using Axis = std::size_t;

  bool is_hidden(Axis axis, std::int64_t i) const {
    return shorten_ && sizes_[axis] > 2 * edge_items && i >= edge_items && i < sizes_[axis] - edge_items;
  }

  template <class Visitor>
  void visit(Axis axis, std::int64_t index, Visitor&& visitor) {
    if (axis == sizes_.size()) return visitor(index);
    for (std::int64_t i = 0; i < sizes_[axis]; ++i) {
      if (is_hidden(axis, i)) i = sizes_[axis] - edge_items;
      visit(axis + 1, index * sizes_[axis] + i, visitor);
    }
  }

  std::string block(Axis axis, std::int64_t index) {
    if (axis == sizes_.size()) return fmt::format("{:>{}}", element<T>(data_[index]), width_);
    const bool innermost = axis + 1 == sizes_.size();
    const std::string gap = innermost ? ", " : ",\n" + std::string(axis + 1, ' ');
    std::string result = "[";
    for (std::int64_t i = 0; i < sizes_[axis]; ++i) {
      if (i > 0) result += gap;
      if (is_hidden(axis, i)) {
        result += "..." + gap;
        i = sizes_[axis] - edge_items;
      }
      result += block(axis + 1, index * sizes_[axis] + i);
    }
    return result + "]";
  }

  const T* data_;
  std::vector<std::int64_t> sizes_;
  bool shorten_;
  bool is_empty_;
  std::size_t width_ = 0;
};

}  // namespace

std::string Tensor::to_string(std::source_location where) const {
  if (!defined()) return "tensor(undefined)";
  const Tensor dense = on_host(*this, where);
  const std::string values =
      visit_storage(dtype(), [&](auto tag) { return Printer<typename decltype(tag)::type>(dense).text(); });
  const bool is_here = device() == DeviceKind::cpu;
  return fmt::format("{}\n{} {}{}{}{}", values, name(dtype()), shape().to_string(), is_here ? "" : " on ",
                     is_here ? "" : name(device()), requires_grad() ? ", tracks gradients" : "");
}

}  // namespace orbitgrad
