// Linear systems, factorisations and functions of small matrices.
#include "engine/ops/linear_algebra.hpp"

#include "engine/catalogue/describe.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/cast.hpp"
#include "engine/ops/creation.hpp"

namespace orbitgrad::catalogue {

namespace {

const std::string family = "linear algebra", header = "engine/ops/linear_algebra.hpp";

/// Smooth values with a diagonal that makes them positive definite with different eigenvalues.
Tensor dominant_values(const Shape& shape, std::uint64_t key) {
  const std::int64_t n = shape[shape.rank() - 1];
  const Tensor diagonal = identity(n, DType::float64) * cast(arange(n) + full({}, 5, DType::int64), DType::float64);
  return smooth_values(shape, key) + diagonal;
}

Op of_matrix(std::string name, std::string summary, Tensor (*function)(const Tensor&),
             ExampleValues values = dominant_values) {
  Op op = unary(std::move(name), family, header, std::move(summary), function, values);
  op.arguments[0] = {"a", "[..., n, n]"};
  op.run = [function](const Call& call) { return function(call["a"]); };
  op.examples = {{.tensors = {{"a", {2, 3, 3}, values}}}, {.tensors = {{"a", {1, 1}, values}}}};
  return op;
}

std::vector<Op> linear_algebra() {
  Op slogdet_op = of_matrix("slogdet", "logarithm of |determinant|, and the sign", nullptr);
  slogdet_op.results = {"logarithm", "sign"};
  slogdet_op.run = [](const Call& call) {
    const auto [sign, logarithm] = slogdet(call["a"]);
    return std::vector<Tensor>{logarithm, sign};
  };
  Op qr_op = of_matrix("qr", "a = q r: orthonormal columns, and upper triangular with a positive diagonal", nullptr);
  qr_op.arguments[0].shape = "[..., m, n], m >= n";
  qr_op.results = {"q", "r"};
  qr_op.run = [](const Call& call) {
    const auto [q, r] = qr(call["a"]);
    return std::vector<Tensor>{q, r};
  };
  qr_op.examples.push_back({.tensors = {{"a", {4, 2}}}});
  Op upper_op = qr_op;
  upper_op.name = "qr_triangle";
  upper_op.summary = "r of a = q r";
  upper_op.results = {"r"};
  upper_op.run = [](const Call& call) { return qr(call["a"]).r; };
  Op values_op = of_matrix("symmetric_eigenvalues", "eigenvalues of (a + a^T) / 2, ascending", nullptr);
  values_op.run = [](const Call& call) { return symmetric_eigen(call["a"]).values; };
  Op vectors_op = of_matrix("symmetric_eigenvectors", "eigenvectors of (a + a^T) / 2 as columns", nullptr);
  vectors_op.run = [](const Call& call) { return symmetric_eigen(call["a"]).vectors; };
  return {{.name = "solve",
           .family = family,
           .header = header,
           .summary = "x with a x = b",
           .arguments = {{"a", "[..., n, n]"}, {"b", "[..., n, m], or a vector [n]"}},
           .run = [](const Call& call) { return solve(call["a"], call["b"]); },
           .examples = {{.tensors = {{"a", {2, 3, 3}, dominant_values}, {"b", {2, 3, 2}}}},
                        {.tensors = {{"a", {2, 2, 2}, dominant_values}, {"b", {2}}}}}},
          of_matrix("inverse", "the inverse matrix", inverse),
          of_matrix("determinant", "the determinant; derivatives hold for singular matrices", determinant),
          std::move(slogdet_op),
          std::move(qr_op),
          std::move(upper_op),
          of_matrix("cholesky", "lower triangular l with l l^T = (a + a^T) / 2", cholesky),
          std::move(values_op),
          std::move(vectors_op),
          of_matrix("expm", "e^a, the exponential of the matrix", expm, smooth_values)};
}

const Registration linear_algebra_ops(linear_algebra);

}  // namespace

}  // namespace orbitgrad::catalogue
