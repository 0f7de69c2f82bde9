#include "engine/ops/statistics.hpp"

#include <cmath>
#include <limits>

#include "engine/ops/arithmetic.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/correction.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/linear_map.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "kernels/scan/scan.hpp"

namespace orbitgrad {

namespace {

/// The shape of x with the axes of length 1, or without them.
Shape reduced_shape(const Tensor& x, std::uint32_t mask, bool keep_dims) {
  Shape shape;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const bool is_reduced = (mask >> axis & 1) != 0;
    if (!is_reduced || keep_dims) shape.push_back(is_reduced ? 1 : x.shape()[axis]);
  }
  return shape;
}

void require_floating(std::string_view op, const Tensor& x) {
  require(is_floating(x.dtype()), op, "takes float32 or float64, got {}. Convert it first: x.to(DType::float32).",
          name(x.dtype()));
}

/// f(total), for roots f, which have no derivative at 0: 0 is taken there.
template <class Root>
Tensor root(const Tensor& total, const Root& f) {
  const Tensor zero = scalar_like(total, 0), vanishes = equal(total, zero);
  return where(vanishes, zero, f(where(vanishes, scalar_like(total, 1), total)));
}

struct CumulativeSumMap {
  static constexpr std::string_view name = "cumsum", adjoint_name = "reversed_cumsum";
  kernels::ScanProblem problem;
  Shape in_shape, out_shape;

  template <class T>
  void forward(DeviceKind device, const T* x, T* y) const {
    launch<kernels::CumulativeSum<T>>(name, device, kernels::cpu::cumulative_sum<T>, problem, x, y);
  }
  template <class T>
  void adjoint(DeviceKind device, const T* y, T* x) const {
    kernels::ScanProblem back = problem;
    back.reversed = true;
    launch<kernels::CumulativeSum<T>>(adjoint_name, device, kernels::cpu::cumulative_sum<T>, back, y, x);
  }
};

}  // namespace

Tensor prod(const Tensor& x, const Axes& axes, bool keep_dims) {
  if (is_half(x.dtype())) return in_float32(x, [&](const Tensor& wide) { return prod(wide, axes, keep_dims); });
  require(x.dtype() != DType::boolean, "prod", "takes numbers, got a bool tensor. Use all, or x.to(DType::int64).");
  const std::uint32_t mask = axis_mask("prod", axes, x.rank());
  Axes order;
  std::int64_t count = 1;
  Shape rows;
  for (int axis = 0; axis < x.rank(); ++axis)
    if ((mask >> axis & 1) == 0) {
      order.push_back(axis);
      rows.push_back(x.shape()[axis]);
    }
  for (int axis = 0; axis < x.rank(); ++axis)
    if ((mask >> axis & 1) != 0) {
      order.push_back(axis);
      count *= x.shape()[axis];
    }
  // A tree: the second half is multiplied onto the first until one element is left.
  const Shape result = reduced_shape(x, mask, keep_dims);
  if (count == 0) return full(result, 1, x.dtype(), x.device()) + reshape(sum(x, axes), result);
  rows.push_back(count);
  Tensor factors = reshape(permute(x, order), rows);
  while (count > 1) {
    const std::int64_t half = count / 2;
    const Tensor product = narrow(factors, -1, 0, half) * narrow(factors, -1, half, half);
    factors = count % 2 == 0 ? product : concat(std::vector<Tensor>{product, narrow(factors, -1, count - 1, 1)}, -1);
    count = half + count % 2;
  }
  return reshape(factors, result);
}

Tensor standard_deviation(const Tensor& x, const Axes& axes, bool keep_dims, int correction) {
  if (is_half(x.dtype()))
    return in_float32(x, [&](const Tensor& wide) { return standard_deviation(wide, axes, keep_dims, correction); });
  require_floating("standard_deviation", x);
  corrected_count("standard_deviation", x, axes, correction);
  return root(variance(x, axes, keep_dims, correction), sqrt);
}

Tensor logsumexp(const Tensor& x, const Axes& axes, bool keep_dims) {
  if (is_half(x.dtype())) return in_float32(x, [&](const Tensor& wide) { return logsumexp(wide, axes, keep_dims); });
  require_floating("logsumexp", x);
  const std::uint32_t mask = axis_mask("logsumexp", axes, x.rank());
  if (x.numel() == 0) return sum(x, axes, keep_dims) - scalar_like(x, std::numeric_limits<double>::infinity());
  // The largest element is a constant here; where it is infinite, 0 does: exp then gives 0, infinity or NaN itself.
  const Tensor largest = max(x.detach(), axes, true), shift = where(is_finite(largest), largest, scalar_like(x, 0));
  const Tensor result = log(sum(exp(x - shift), axes, true)) + shift;
  return reshape(result, reduced_shape(x, mask, keep_dims));
}

Tensor norm(const Tensor& x, double p, const Axes& axes, bool keep_dims) {
  if (is_half(x.dtype())) return in_float32(x, [&](const Tensor& wide) { return norm(wide, p, axes, keep_dims); });
  require_floating("norm", x);
  require(p >= 0, "norm", "p must be at least 0, got {}. Use 2 for the Euclidean norm.", p);
  axis_mask("norm", axes, x.rank());
  if (p == 0) return sum(not_equal(x, scalar_like(x, 0)).to(x.dtype()), axes, keep_dims);
  if (std::isinf(p)) return max(absolute(x), axes, keep_dims);
  if (p == 1) return sum(absolute(x), axes, keep_dims);
  if (p == 2) return root(sum(square(x), axes, keep_dims), sqrt);
  // |x|^p has a derivative at 0 for p > 1 alone; below, 0 is taken.
  const Tensor powers = root(absolute(x), [&](const Tensor& t) { return power(t, p); });
  return root(sum(powers, axes, keep_dims), [&](const Tensor& t) { return power(t, 1 / p); });
}

Tensor cumsum(const Tensor& x, int axis) {
  require(x.rank() >= 1, "cumsum", "takes a tensor with axes, got a scalar. Reshape it to [1].");
  const int along = normalize_axis("cumsum", axis, x.rank());
  kernels::ScanProblem problem{.outer = 1, .size = x.shape()[along], .inner = 1};
  for (int i = 0; i < x.rank(); ++i) (i < along ? problem.outer : problem.inner) *= i == along ? 1 : x.shape()[i];
  CumulativeSumMap map{problem, x.shape(), x.shape()};
  if (is_floating(x.dtype())) return linear::apply(map, x);
  Tensor result = Tensor::empty(x.shape(), DType::int64, x.device());
  map.forward(x.device(), contiguous(cast(x, DType::int64)).data<std::int64_t>(), fresh_data<std::int64_t>(result));
  return result;
}

}  // namespace orbitgrad
