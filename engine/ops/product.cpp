#include "engine/ops/product.hpp"

#include <optional>

#include "engine/autograd/node.hpp"
#include "engine/dispatch.hpp"
#include "engine/ops/shape_ops.hpp"

namespace orbitgrad {

namespace {

/// A matrix operand as GEMM reads it: rows apart by `leading`, transposed or not, equal steps from batch to batch.
struct Operand {
  Tensor tensor;
  bool transposed;
  std::int64_t leading;
  std::int64_t batch_stride;
};

// The step between matrices if the leading axes lie at equal steps (or there is only one matrix).
std::optional<std::int64_t> uniform_batch_stride(const Tensor& x) {
  std::int64_t step = 0, expected = 0;
  bool found = false;
  for (int axis = x.rank() - 3; axis >= 0; --axis) {
    if (x.shape()[axis] == 1) continue;
    if (!found) {
      step = x.strides()[axis];
      found = true;
    } else if (x.strides()[axis] != expected) {
      return std::nullopt;
    }
    expected = x.strides()[axis] * x.shape()[axis];
  }
  return step;
}

Operand operand(const Tensor& x) {
  const std::int64_t rows = x.shape()[x.rank() - 2], columns = x.shape()[x.rank() - 1];
  const std::int64_t row_step = x.strides()[x.rank() - 2], column_step = x.strides()[x.rank() - 1];
  if (const auto batch_stride = uniform_batch_stride(x)) {
    const bool by_rows = (column_step == 1 || columns == 1) && (row_step >= columns || rows == 1);
    const bool by_columns = (row_step == 1 || rows == 1) && (column_step >= rows || columns == 1);
    if (by_rows) return {x, false, rows == 1 ? std::max<std::int64_t>(columns, 1) : row_step, *batch_stride};
    if (by_columns) return {x, true, columns == 1 ? std::max<std::int64_t>(rows, 1) : column_step, *batch_stride};
  }
  // contiguous() is not enough: a broadcast batch has to become real.
  Tensor dense = contiguous(x);
  return {dense, false, std::max<std::int64_t>(columns, 1), rows * columns};
}

}  // namespace

Tensor product(std::string_view op, const Tensor& first, const Tensor& second, Precision precision, const Tensor& bias,
               kernels::Activation activation) {
  if (first.dtype() != DType::float32) precision = Precision::float32;
  // On the cpu in a pass of its own; a device rounds on the way into its registers.
  const bool rounds_ahead = first.device() == DeviceKind::cpu;
  const Tensor a = rounds_ahead ? rounded(first, precision) : first;
  const Tensor b = rounds_ahead ? rounded(second, precision) : second;
  const std::int64_t m = a.size(-2), k = a.size(-1), n = b.size(-1);
  const auto leading = [](const Tensor& x) {
    return Shape(std::span<const std::int64_t>(x.shape().begin(), static_cast<std::size_t>(x.rank() - 2)));
  };
  const Shape batch = broadcast_shapes(op, leading(a), leading(b));
  const auto with_matrix = [&](std::int64_t rows, std::int64_t columns) {
    Shape shape = batch;
    shape.push_back(rows);
    shape.push_back(columns);
    return shape;
  };
  Tensor result = Tensor::empty(with_matrix(m, n), a.dtype(), a.device());
  if (result.numel() > 0) {
    const NoGrad no_grad;
    const Operand left = operand(broadcast_to(a, with_matrix(m, k))),
                  right = operand(broadcast_to(b, with_matrix(k, n)));
    kernels::GemmProblem problem;
    problem.m = m, problem.n = n, problem.k = k;
    problem.lda = left.leading, problem.ldb = right.leading, problem.ldc = n;
    problem.transpose_a = left.transposed, problem.transpose_b = right.transposed;
    problem.batch = batch.numel();
    problem.batch_stride_a = left.batch_stride, problem.batch_stride_b = right.batch_stride;
    problem.batch_stride_c = m * n;
    if (problem.batch_stride_b == 0 && !left.transposed && problem.batch_stride_a == m * left.leading) {
      // One shared right matrix: the batch is only more rows.
      problem.m *= problem.batch;
      problem.batch = 1;
    }
    const bool is_plain = precision == Precision::float32 && !bias.defined() && activation == kernels::Activation::none;
    const Tensor dense_bias = bias.defined() ? contiguous(bias) : bias;
    visit_floating(op, a.dtype(), [&]<class T>(TypeTag<T>) {
      const T *from_a = left.tensor.data<T>(), *from_b = right.tensor.data<T>();
      if (is_plain)
        return launch<kernels::Gemm<T>>(op, a.device(), kernels::cpu::gemm<T>, problem, from_a, from_b,
                                        fresh_data<T>(result));
      launch<kernels::Affine<T>>(op, a.device(), kernels::cpu::affine<T>,
                                 kernels::AffineProblem{problem, precision, activation}, from_a, from_b,
                                 bias.defined() ? dense_bias.data<T>() : nullptr, fresh_data<T>(result));
    });
  }
  return result;
}

}  // namespace orbitgrad
