// What the ops of linear_algebra.hpp check and share. Included by op sources only.
#pragma once

#include "engine/dispatch.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/transfer.hpp"
#include "kernels/linear_algebra/linear_algebra.hpp"

namespace orbitgrad::matrices {

inline void require_matrices(std::string_view op, const Tensor& a) {
  require(a.defined() && is_floating(a.dtype()) && !is_half(a.dtype()) && a.rank() >= 2, op,
          "takes float32 or float64 matrices [..., rows, columns], got {} {}. Convert or reshape it.",
          a.defined() ? name(a.dtype()) : "undefined", a.defined() ? a.shape() : Shape());
}

inline void require_square(std::string_view op, const Tensor& a) {
  require_matrices(op, a);
  require(a.size(-1) == a.size(-2), op, "takes square matrices, got {}. Give as many rows as columns.", a.shape());
}

/// The axes before the matrix.
inline Shape leading(const Tensor& a) {
  return Shape(std::span<const std::int64_t>(a.shape().begin(), static_cast<std::size_t>(a.rank() - 2)));
}

inline kernels::MatrixProblem problem_of(const Tensor& a, std::int64_t right = 0) {
  return {.batch = leading(a).numel(), .rows = a.size(-2), .columns = a.size(-1), .right = right};
}

/// Error of `op` if the flag of a matrix is set, with its number.
inline void require_no_flag(std::string_view op, const Tensor& flags, const Tensor& a, std::string_view what,
                            std::string_view remedy) {
  const Tensor here = on_host(flags);
  const std::int64_t* flag = here.host_data<std::int64_t>();
  for (std::int64_t i = 0; i < here.numel(); ++i)
    require(flag[i] == 0, op, "matrix {} of a {} {}. {}", i, a.shape(), what, remedy);
}

inline Tensor transposed(const Tensor& a) { return transpose(a, -2, -1); }

/// (a + a^T) / 2.
Tensor symmetric_part(const Tensor& a);

}  // namespace orbitgrad::matrices
