// Linear algebra against what defines it and against PyTorch's values, and its derivatives.
#include "engine/ops/linear_algebra.hpp"

#include <limits>

#include "engine/autograd/functional.hpp"
#include "engine/observe/memory.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/triangular.hpp"
#include "tests/engine/expect_error.hpp"
#include "tests/engine/golden_values.hpp"
#include "tests/engine/op_checks.hpp"

namespace orbitgrad {
namespace {

using testing::checksum;
using testing::expect_derivatives;
using testing::Inputs;
using testing::relative_difference;
using testing::smooth_input;
using testing::wave;

constexpr double tolerance = 1e-11;

Tensor unit(std::int64_t n) { return identity(n, DType::float64); }
/// Invertible [2, 3, 3].
Tensor given() { return wave({2, 3, 3}, 1) + unit(3) * 2.0; }

TEST(LinearAlgebra, IsPyTorchs) {
  const Tensor a = given();
  EXPECT_NEAR(checksum(inverse(a)), 12.5662918477701, tolerance);
  EXPECT_NEAR(checksum(determinant(a)), 34.4687025114796, tolerance);
  EXPECT_NEAR(checksum(slogdet(a).logarithm), 7.3243060320917, tolerance);
  EXPECT_NEAR(checksum(solve(a, wave({3, 2}, 4))), 7.49780561419108, tolerance);
  const auto [q, r] = qr(wave({2, 4, 3}, 2) + narrow(unit(4), 1, 0, 3));
  EXPECT_NEAR(checksum(q), 6.48336236695031, tolerance);
  EXPECT_NEAR(checksum(r), 59.839375325912, tolerance);
  EXPECT_NEAR(checksum(cholesky(matmul(a, transpose(a)) + unit(3))), 45.4951634188531, tolerance);
  const auto [values, vectors] = symmetric_eigen(a);
  EXPECT_NEAR(checksum(values), 54.7753793321479, tolerance);
  EXPECT_NEAR(checksum(vectors), 22.1891953625032, tolerance);
  EXPECT_NEAR(checksum(expm(a * 0.1)), 26.6690254595867, tolerance);
  EXPECT_NEAR(checksum(expm(a)) / 195.47061022027, 1, 1e-12);
  EXPECT_NEAR(checksum(expm(a * 10.0)) / 185201790193168, 1, 1e-12);
}

TEST(LinearAlgebra, FactorsMultiplyBack) {
  for (const std::int64_t n : {std::int64_t{1}, std::int64_t{5}, std::int64_t{16}, std::int64_t{40}}) {
    SCOPED_TRACE(n);
    const Tensor x = smooth_input({2, n, n}, 3).detach(), a = (x + transpose(x)) * 0.5;
    const auto [q, r] = qr(x);
    EXPECT_LE(relative_difference(matmul(q, r), x), 1e-13);
    EXPECT_LE(relative_difference(matmul(transpose(q), q), broadcast_to(unit(n), q.shape())), 1e-13);
    const Tensor positive = matmul(x, transpose(x)) + unit(n), l = cholesky(positive);
    EXPECT_LE(relative_difference(matmul(l, transpose(l)), positive), 1e-13);
    EXPECT_EQ(sum(absolute(triu(l, 1))).item(), 0);
    const auto [w, v] = symmetric_eigen(a);
    EXPECT_LE(relative_difference(matmul(a, v), v * unsqueeze(w, 1)), 1e-12);
    EXPECT_LE(relative_difference(matmul(transpose(v), v), broadcast_to(unit(n), v.shape())), 1e-13);
    EXPECT_LE(relative_difference(matmul(positive, inverse(positive)), broadcast_to(unit(n), v.shape())), 1e-10);
  }
}

TEST(LinearAlgebra, SpecialMatrices) {
  const Tensor zero = zeros({2, 2}, DType::float64);
  EXPECT_EQ(relative_difference(expm(zero), unit(2)), 0);
  EXPECT_EQ(determinant(zero).item(), 0);
  EXPECT_EQ(slogdet(zero).sign.item(), 0);
  EXPECT_EQ(slogdet(zero).logarithm.item(), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(symmetric_eigen(unit(3)).values.to_vector<double>(), (std::vector<double>{1, 1, 1}));
  EXPECT_EQ(solve(unit(2) * 2.0, from_vector<double>({2, 4})).to_vector<double>(), (std::vector<double>{1, 2}));
  EXPECT_EQ(determinant(zeros({4, 0, 0})).to_vector<float>(), std::vector<float>(4, 1.0F));
  EXPECT_EQ(inverse(zeros({0, 3, 3})).shape(), (Shape{0, 3, 3}));
  EXPECT_EQ(qr(zeros({3, 0})).q.shape(), (Shape{3, 0}));
  // Matrices of very different norms keep their own precision.
  const Tensor both = stack(std::vector<Tensor>{given() * 1e-6, given() * 10.0}, 0);
  EXPECT_LE(relative_difference(select(expm(both), 0, 0), expm(given() * 1e-6)), 1e-15);
}

TEST(LinearAlgebra, DeterminantsHaveDerivativesAtSingularMatrices) {
  // Rank 2 and rank 1.
  Tensor x = from_vector<double>({1, 2, 3, 2, 4, 6, 1, 0, 1, 1, 2, 3, 2, 4, 6, 3, 6, 9}, {2, 3, 3});
  x.set_requires_grad();
  expect_derivatives({{"determinant", [](const Inputs& in) { return determinant(in[0]); }, {x}}});
}

// Of 3 x 3 matrices the second derivative is linear in the matrix, so regular ones around a matrix tell its own.
TEST(LinearAlgebra, DeterminantsHaveSecondDerivativesNearSingularMatrices) {
  const TensorFunction value = [](const Inputs& in) { return sum(determinant(in[0])); };
  const Tensor singular = from_vector<double>({1, 2, 3, 4, 5, 6, 7, 8, 9}, {3, 3});
  const Tensor step = from_vector<double>({2, 0, 1, 0, -3, 1, 1, 0, 4}, {3, 3});
  const Tensor v = from_vector<double>({1, -2, 1, 0, 3, -1, 2, 1, 1}, {3, 3});
  const auto second = [&](const Tensor& a) { return hvp(value, {a}, {broadcast_to(v, a.shape())})[0]; };
  const Tensor expected = (second(singular + step) + second(singular - step)) * 0.5;
  for (const double distance : {1e-16, 1e-12, 1e-8, 1e-6, 1e-4, 1e-2, 0.0}) {
    const Tensor near = singular + step * distance;
    EXPECT_LE(relative_difference(second(near), expected + second(step) * distance), 1e-10) << distance;
    const Tensor batch = stack(std::vector{near, step, singular}, 0);
    EXPECT_LE(relative_difference(select(second(batch), 0, 0), second(near)), 1e-10) << distance;
    EXPECT_LE(relative_difference(select(second(batch), 0, 1), second(step)), 1e-12);
  }
}

// Without a row and a column most of a diagonal matrix is singular, and asks for cofactors of cofactors.
TEST(LinearAlgebra, SecondDerivativesOfDeterminantsTakeLittleMemory) {
  if (default_device() != DeviceKind::cpu) GTEST_SKIP() << "once is enough";
  constexpr std::int64_t n = 16;
  constexpr double small = 1e-6;
  std::vector<double> matrix, expected;  // diagonal, and the second derivative along ones
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      const bool has_small = i == 0 || j == 0;
      matrix.push_back(i != j ? 0 : has_small ? small : 1);
      expected.push_back(i != j ? (has_small ? -1 : -small) : has_small ? n - 1 : 1 + (n - 2) * small);
    }
  const Tensor x = from_vector(matrix, {n, n});
  const observe::MemoryWatch watch;
  const Tensor second = hvp([](const Inputs& in) { return determinant(in[0]); }, {x}, {ones_like(x)})[0];
  EXPECT_LE(relative_difference(second, from_vector(expected, {n, n})), 1e-14);
  EXPECT_LT(watch.peaks().at(0).bytes, 50'000'000) << watch.to_string();
}

TEST(LinearAlgebra, DerivativesOfExpmWithSquaring) {
  const auto large = [](const Tensor& x) { return x * 12.0; };
  expect_derivatives(
      {{"expm", [=](const Inputs& in) { return expm(large(in[0])) * 1e-8; }, {smooth_input({1, 2, 2}, 1)}}});
}

TEST(LinearAlgebra, Errors) {
  const Tensor a = zeros({2, 3, 3}), b = zeros({2, 3, 1});
  EXPECT_ERROR(solve(a, b), "matrix 0 of a [2, 3, 3] is singular");
  EXPECT_ERROR(solve(a, zeros({2, 2, 1})), "does not have the 3 rows");
  EXPECT_ERROR(solve(a, b.to(DType::float64)), "float64");
  EXPECT_ERROR(solve(a, Tensor()), "undefined");
  EXPECT_ERROR(inverse(zeros({2, 3})), "takes square matrices");
  EXPECT_ERROR(inverse(a), "[inverse] matrix 0");
  EXPECT_ERROR(determinant(zeros({3})), "takes float32 or float64 matrices");
  EXPECT_ERROR(expm(zeros({2, 2}, DType::float16)), "[expm] takes float32 or float64 matrices");
  EXPECT_ERROR(slogdet(cast(a, DType::int64)), "got int64");
  EXPECT_ERROR(qr(zeros({2, 3})), "Transpose it");
  EXPECT_ERROR(qr(ones({3, 2})), "dependent columns");
  EXPECT_ERROR(cholesky(negate(unit(2))), "is not positive definite");
  EXPECT_ERROR(symmetric_eigen(Tensor()), "undefined");
  EXPECT_ERROR(expm(full({2, 2}, std::numeric_limits<double>::quiet_NaN())), "infinite or NaN");
}

}  // namespace
}  // namespace orbitgrad
