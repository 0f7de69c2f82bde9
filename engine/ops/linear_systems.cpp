// solve, inverse, determinants and the matrix exponential. See linear_algebra.hpp.
#include <algorithm>
#include <cmath>

#include "engine/autograd/node.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/index.hpp"
#include "engine/ops/linear_algebra.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/matrix_checks.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/segments.hpp"
#include "engine/ops/shape_ops.hpp"
#include "engine/ops/statistics.hpp"

namespace orbitgrad {

namespace {

using namespace matrices;

/// With a x = b: da x + a dx = db.
struct SolveNode final : Node {
  std::string_view name() const override { return "solve"; }
  Saves saves() const override { return Saves::input(0) | Saves::the_output(); }
  std::vector<Tensor> backward(const Tensor& dx) override {
    const Tensor db = solve(transposed(input(0)), dx);
    return {needs(0) ? negate(matmul(db, transposed(output()))) : Tensor(), db};
  }
};

/// a [..., n, n] and b [..., n, m] with equal leading axes.
Tensor solved(std::string_view op, const Tensor& a, const Tensor& b) {
  const kernels::MatrixProblem problem = problem_of(a, b.size(-1));
  Tensor x = Tensor::empty(b.shape(), a.dtype(), a.device());
  Tensor singular = Tensor::empty({problem.batch}, DType::int64, a.device());
  visit_floating(op, a.dtype(), [&]<class T>(TypeTag<T>) {
    const NoGrad no_grad;
    const Tensor dense_a = contiguous(a), dense_b = contiguous(b);
    launch<kernels::SolveLinear<T>>(op, a.device(), kernels::cpu::solve_linear<T>, problem, dense_a.data<T>(),
                                    dense_b.data<T>(), fresh_data<T>(x), fresh_data<std::int64_t>(singular));
  });
  require_no_flag(op, singular, a, "is singular", "Add a small multiple of the identity, or leave it out.");
  return record<SolveNode>(std::move(x), {&a, &b});
}

/// Derivatives of the determinant by each element: signed determinants of what is left without its row and column.
Tensor cofactors(const Tensor& a) {
  const std::int64_t n = a.size(-1);
  if (n == 1) return ones_like(a);
  std::vector<std::int64_t> others;
  std::vector<double> signs;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      if (j != i) others.push_back(j);
      signs.push_back((i + j) % 2 == 0 ? 1 : -1);
    }
  const Tensor left = from_vector(others, {n, n - 1}, a.device());
  // [..., n, n - 1, n, n - 1]: row without, rows left, column without, columns left.
  const Tensor minors = transpose(take(take(a, left, -2), left, -1), -3, -2);
  return determinant(minors) * from_vector(signs, {n, n}, a.device()).to(a.dtype());
}

/// The same of matrices [count, n, n] without a graph, some at a time: minors take n^2 times the memory of a matrix.
Tensor final_cofactors(const Tensor& a) {
  constexpr std::int64_t most_elements = 1 << 20;
  const std::int64_t count = a.size(0), n = a.size(-1),
                     step = std::max<std::int64_t>(most_elements / (n * n * n * n), 1);
  std::vector<Tensor> parts;
  for (std::int64_t begin = 0; begin < count; begin += step)
    parts.push_back(cofactors(narrow(a, 0, begin, std::min(step, count - begin))));
  return concat(parts, 0);
}

Shape one_by_one(const Tensor& x) { return x.shape().with_axis(x.rank(), 1).with_axis(x.rank() + 1, 1); }

/// The matrices whose derivative is made of cofactors, bool [...]: value times inverse is nothing where the matrix is
/// singular, and where it nearly is, has no digits left for the derivatives of a higher order.
Tensor made_of_cofactors(const Tensor& a, const Tensor& value) {
  constexpr std::int64_t largest = 32;  // n^2 minors each
  const bool is_final = !GradMode::is_recording();
  const NoGrad no_grad;
  const Tensor singular = equal(value.detach(), scalar_like(value, 0));
  if (is_final || a.size(-1) > largest) return singular;
  const Tensor one = identity(a.size(-1), a.dtype(), a.device());
  const Tensor regular = where(reshape(singular, one_by_one(value)), one, a.detach());
  const Tensor condition = norm(regular, 2, {-2, -1}) * norm(inverse(regular), 2, {-2, -1});
  return logical_or(singular, greater(condition, scalar_like(condition, a.dtype() == DType::float64 ? 1e5 : 1e3)));
}

struct DeterminantNode final : Node {
  std::string_view name() const override { return "determinant"; }
  Saves saves() const override { return Saves::all_inputs() | Saves::the_output(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    const Tensor a = input(0), value = output();
    const Tensor is_apart = made_of_cofactors(a, value);
    const Tensor derivative = any(is_apart) ? mixed_derivative(a, value, is_apart)
                                            : reshape(value, one_by_one(value)) * transposed(inverse(a));
    return {reshape(dy, one_by_one(dy)) * derivative};
  }

 private:
  static Tensor mixed_derivative(const Tensor& a, const Tensor& value, const Tensor& is_apart) {
    const std::int64_t count = value.numel(), n = a.size(-1);
    const Tensor matrices = reshape(a, {count, n, n}), mask = reshape(is_apart, {count, 1, 1});
    const Tensor apart = nonzero(reshape(is_apart, {count}))[0];
    const Tensor others = where(mask, identity(n, a.dtype(), a.device()), matrices);
    const Tensor regular = reshape(value, {count, 1, 1}) * transposed(inverse(others));
    const auto derivatives = GradMode::is_recording() ? cofactors : final_cofactors;
    return reshape(where(mask, segment_sum(derivatives(take(matrices, apart)), apart, count), regular), a.shape());
  }
};

struct LogarithmNode final : Node {
  std::string_view name() const override { return "slogdet"; }
  Saves saves() const override { return Saves::all_inputs(); }
  std::vector<Tensor> backward(const Tensor& dy) override {
    return {reshape(dy, one_by_one(dy)) * transposed(inverse(input(0)))};
  }
};

struct DeterminantParts {
  Tensor value, sign, logarithm;
};

DeterminantParts determinant_parts(std::string_view op, const Tensor& a) {
  require_square(op, a);
  const auto result = [&] { return Tensor::empty(leading(a), a.dtype(), a.device()); };
  DeterminantParts parts{result(), result(), result()};
  visit_floating(op, a.dtype(), [&]<class T>(TypeTag<T>) {
    const NoGrad no_grad;
    launch<kernels::Determinant<T>>(op, a.device(), kernels::cpu::determinant<T>, problem_of(a),
                                    contiguous(a).data<T>(), fresh_data<T>(parts.value), fresh_data<T>(parts.sign),
                                    fresh_data<T>(parts.logarithm));
  });
  return parts;
}

}  // namespace

Tensor solve(const Tensor& a, const Tensor& b) {
  constexpr std::string_view op = "solve";
  require_square(op, a);
  require(b.defined(), op, "b is undefined. Give the right side.");
  require_same_kind(op, a, b);
  require(b.rank() >= 1 && b.size(b.rank() == 1 ? 0 : -2) == a.size(-1), op,
          "b {} does not have the {} rows of a {}. Give [..., n, m], or a vector [n].", b.shape(), a.size(-1),
          a.shape());
  if (b.rank() == 1) return squeeze(solve(a, unsqueeze(b, 1)), -1);
  const Shape batch = broadcast_shapes(op, leading(a), leading(b));
  const auto with_batch = [&](const Tensor& m) {
    Shape shape = batch;
    shape.push_back(m.size(-2));
    shape.push_back(m.size(-1));
    return broadcast_to(m, shape);
  };
  return solved(op, with_batch(a), with_batch(b));
}

Tensor inverse(const Tensor& a) {
  require_square("inverse", a);
  return solved("inverse", a, broadcast_to(identity(a.size(-1), a.dtype(), a.device()), a.shape()));
}

Tensor determinant(const Tensor& a) { return record<DeterminantNode>(determinant_parts("determinant", a).value, {&a}); }

SignAndLogarithm slogdet(const Tensor& a) {
  DeterminantParts parts = determinant_parts("slogdet", a);
  return {parts.sign, record<LogarithmNode>(std::move(parts.logarithm), {&a})};
}

Tensor expm(const Tensor& a) {
  constexpr std::string_view op = "expm";
  require_square(op, a);
  if (a.numel() == 0) return a;
  // Halvings of each matrix until its 1-norm is within the reach of the approximant, chosen from the values.
  constexpr double reach = 5.371920351148152;
  const Tensor norms = max(sum(absolute(a.detach()), {-2}), {-1});
  const auto norm_values = cast(norms, DType::float64).to_vector<double>();
  std::vector<double> scales;
  int most = 0;
  std::vector<int> halvings;
  for (const double norm : norm_values) {
    require(std::isfinite(norm), op, "a {} has an element that is infinite or NaN. Check what made it.", a.shape());
    halvings.push_back(norm > reach ? static_cast<int>(std::ceil(std::log2(norm / reach))) : 0);
    scales.push_back(std::ldexp(1.0, -halvings.back()));
    most = std::max(most, halvings.back());
  }
  const Shape column = one_by_one(norms);
  const Tensor x = a * from_vector(scales, column, a.device()).to(a.dtype());
  const Tensor one = identity(a.size(-1), a.dtype(), a.device());
  constexpr double c[] = {64764752532480000,
                          32382376266240000,
                          7771770303897600,
                          1187353796428800,
                          129060195264000,
                          10559470521600,
                          670442572800,
                          33522128640,
                          1323241920,
                          40840800,
                          960960,
                          16380,
                          182,
                          1};
  const Tensor x2 = matmul(x, x), x4 = matmul(x2, x2), x6 = matmul(x2, x4);
  const auto lower = [&](int first) {  // c[first] x^0 + c[first + 2] x^2 + ... up to x^6
    return x6 * (c[first + 6] / c[0]) + x4 * (c[first + 4] / c[0]) + x2 * (c[first + 2] / c[0]) +
           one * (c[first] / c[0]);
  };
  const Tensor odd = matmul(x, matmul(x6, x6 * (c[13] / c[0]) + x4 * (c[11] / c[0]) + x2 * (c[9] / c[0])) + lower(1));
  const Tensor even = matmul(x6, x6 * (c[12] / c[0]) + x4 * (c[10] / c[0]) + x2 * (c[8] / c[0])) + lower(0);
  Tensor result = solve(even - odd, even + odd);
  for (int step = 0; step < most; ++step) {
    std::vector<bool> is_left;
    for (const int count : halvings) is_left.push_back(step < count);
    const Tensor squared = matmul(result, result);
    result = std::all_of(is_left.begin(), is_left.end(), [](bool left) { return left; })
                 ? squared
                 : where(from_vector<bool>(is_left, column, a.device()), squared, result);
  }
  return result;
}

}  // namespace orbitgrad
