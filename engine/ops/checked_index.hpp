// Positions that index an axis, checked. One out of range is an error: of the op itself on the cpu; elsewhere it is
// noted on the device, counts as position 0, and is an error with the op's name where the host next reads from that
// device, since waiting for the answer would stop the host at each op.
#pragma once

#include "engine/tensor.hpp"

namespace orbitgrad {

namespace kernels {
struct IndexFault;
}

/// Dense int64 positions in [0, length): negative ones are moved up, others outside are an error of `op`, a static
/// text.
Tensor checked_index(std::string_view op, const Tensor& index, std::int64_t length);
/// The same without counting from the end: labels in [0, classes).
Tensor checked_classes(std::string_view op, const Tensor& labels, std::int64_t classes);

/// The error of a position out of range.
[[noreturn]] void fail_index(const kernels::IndexFault& fault);

}  // namespace orbitgrad
