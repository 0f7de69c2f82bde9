// Every version on sim against the cpu, and the cpu against what defines the results.
#include "kernels/linear_algebra/linear_algebra.hpp"

#include "tests/kernels/buffer.hpp"
#include "tests/kernels/device_versions.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::MatrixProblem;
using kernels::testing::DeviceArray;

template <class T>
class LinearAlgebraDevice : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(LinearAlgebraDevice, Types);

/// Well-conditioned matrices [batch, n, n]: random, with a larger diagonal, its rows in reverse order to need pivots.
template <class T>
std::vector<T> matrices(const MatrixProblem& p, bool symmetric) {
  auto a = random_values<T>(p.batch * p.rows * p.columns, 1);
  for (std::int64_t b = 0; b < p.batch; ++b)
    for (std::int64_t i = 0; i < p.rows; ++i)
      for (std::int64_t j = 0; j < p.columns; ++j) {
        const auto at = [&](std::int64_t r, std::int64_t c) {
          return static_cast<std::size_t>((b * p.rows + r) * p.columns + c);
        };
        if (symmetric && j < i) a[at(i, j)] = a[at(j, i)];
        if (symmetric ? i == j : i == p.rows - 1 - j) a[at(i, j)] += static_cast<T>(p.rows);
      }
  return a;
}

/// The outputs of a launch one after another as T, whatever it computes.
template <class T>
auto outputs(std::initializer_list<std::vector<T>> parts, const std::vector<std::int64_t>& flags) {
  std::vector<T> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  for (const std::int64_t flag : flags) all.push_back(static_cast<T>(flag));
  return all;
}

/// a, and for a solve b, in; `count` elements and a flag per matrix out.
template <class T>
auto factorising(const MatrixProblem& p, const std::vector<T>& a, std::size_t count) {
  return [&, count](const auto& version) {
    DeviceArray<T> in(version.device, std::span<const T>(a)), out(version.device, count);
    DeviceArray<std::int64_t> flags(version.device, static_cast<std::size_t>(p.batch));
    version.launch(p, in.data(), out.data(), flags.data());
    return outputs<T>({out.to_host()}, flags.to_host());
  };
}

const MatrixProblem squares[] = {{0, 3, 3, 2}, {3, 1, 1, 1}, {70, 3, 3, 2}, {2, 12, 12, 0}, {2, 33, 33, 3}};

TYPED_TEST(LinearAlgebraDevice, SolvesAndDeterminants) {
  using T = TypeParam;
  for (const MatrixProblem& p : squares) {
    const auto a = matrices<T>(p, false), b = random_values<T>(p.batch * p.rows * p.right, 2);
    const auto batch = static_cast<std::size_t>(p.batch);
    std::vector<T> x(b.size()), value(batch), sign(batch), logarithm(batch);
    std::vector<std::int64_t> singular(batch);
    kernels::cpu::solve_linear(p, a.data(), b.data(), x.data(), singular.data());
    kernels::cpu::determinant(p, a.data(), value.data(), sign.data(), logarithm.data());
    for (std::int64_t row = 0; row < p.batch * p.rows; ++row)
      for (std::int64_t j = 0; j < p.right; ++j) {
        double sum = 0;
        for (std::int64_t k = 0; k < p.rows; ++k)
          sum += static_cast<double>(a[static_cast<std::size_t>(row * p.rows + k)]) *
                 static_cast<double>(x[static_cast<std::size_t>((row / p.rows * p.rows + k) * p.right + j)]);
        EXPECT_NEAR(sum, static_cast<double>(b[static_cast<std::size_t>(row * p.right + j)]), 20 * tolerance<T>);
      }
    kernels::testing::check_every_version<kernels::SolveLinear<T>>(
        p,
        [&](const auto& version) {
          DeviceArray<T> in(version.device, std::span<const T>(a)), right(version.device, std::span<const T>(b)),
              out(version.device, b.size());
          DeviceArray<std::int64_t> flags(version.device, batch);
          version.launch(p, in.data(), right.data(), out.data(), flags.data());
          return outputs<T>({out.to_host()}, flags.to_host());
        },
        outputs<T>({x}, singular), tolerance<T>);
    kernels::testing::check_every_version<kernels::Determinant<T>>(
        p,
        [&](const auto& version) {
          DeviceArray<T> in(version.device, std::span<const T>(a)), v(version.device, batch), s(version.device, batch),
              l(version.device, batch);
          version.launch(p, in.data(), v.data(), s.data(), l.data());
          return outputs<T>({s.to_host(), l.to_host()}, {});
        },
        outputs<T>({sign, logarithm}, {}), tolerance<T>);
  }
}

TYPED_TEST(LinearAlgebraDevice, Factorisations) {
  using T = TypeParam;
  for (const MatrixProblem& p : squares) {
    const auto a = matrices<T>(p, true);
    const auto batch = static_cast<std::size_t>(p.batch);
    std::vector<T> l(a.size()), q(a.size()), v(a.size());
    std::vector<std::int64_t> indefinite(batch), dependent(batch);
    kernels::cpu::cholesky(p, a.data(), l.data(), indefinite.data());
    kernels::cpu::gram_schmidt(p, a.data(), q.data(), dependent.data());
    kernels::cpu::symmetric_eigenvectors(p, a.data(), v.data());
    for (std::size_t b = 0; b < batch; ++b) EXPECT_EQ(indefinite[b] + dependent[b], 0);
    using kernels::testing::check_every_version;
    check_every_version<kernels::Cholesky<T>>(p, factorising(p, a, a.size()), outputs<T>({l}, indefinite),
                                              tolerance<T>);
    check_every_version<kernels::GramSchmidt<T>>(p, factorising(p, a, a.size()), outputs<T>({q}, dependent),
                                                 tolerance<T>);
    if (p.rows > 12) continue;  // no version of its own for large ones
    check_every_version<kernels::SymmetricEigenvectors<T>>(
        p,
        [&](const auto& version) {
          DeviceArray<T> in(version.device, std::span<const T>(a)), out(version.device, a.size());
          version.launch(p, in.data(), out.data());
          return out.to_host();
        },
        v, tolerance<T>);
  }
}

TEST(LinearAlgebraDevice, SingularMatricesAreNamed) {
  const MatrixProblem p{2, 2, 2, 1};
  const std::vector<double> a = {1, 2, 2, 4, 0, 1, 1, 0}, b = {1, 1, 3, 5};
  std::vector<double> x(4), factor(8), value(2), sign(2), logarithm(2);
  std::vector<std::int64_t> flag(2);
  kernels::cpu::solve_linear(p, a.data(), b.data(), x.data(), flag.data());
  EXPECT_EQ(flag, (std::vector<std::int64_t>{1, 0}));
  EXPECT_EQ(x[2], 5);
  EXPECT_EQ(x[3], 3);
  kernels::cpu::determinant(p, a.data(), value.data(), sign.data(), logarithm.data());
  EXPECT_EQ(value, (std::vector<double>{0, -1}));
  EXPECT_EQ(sign, (std::vector<double>{0, -1}));
  kernels::cpu::gram_schmidt(p, a.data(), factor.data(), flag.data());
  EXPECT_EQ(flag, (std::vector<std::int64_t>{1, 0}));
  kernels::cpu::cholesky(p, a.data(), factor.data(), flag.data());
  EXPECT_EQ(flag, (std::vector<std::int64_t>{1, 1}));
}

TEST(LinearAlgebraDevice, BarriersAreNeeded) {
  const MatrixProblem p{1, 33, 33, 2};
  const auto a = matrices<float>(p, true);
  kernels::testing::check_barriers_are_needed<kernels::Cholesky<float>>(p, factorising(p, a, a.size()));
  const auto turned = matrices<float>(p, false), b = random_values<float>(p.rows * p.right, 2);
  kernels::testing::check_barriers_are_needed<kernels::SolveLinear<float>>(p, [&](const auto& version) {
    DeviceArray<float> in(version.device, std::span<const float>(turned)),
        right(version.device, std::span<const float>(b)), out(version.device, b.size());
    DeviceArray<std::int64_t> flags(version.device, std::size_t{1});
    version.launch(p, in.data(), right.data(), out.data(), flags.data());
    return outputs<float>({out.to_host()}, flags.to_host());
  });
}

}  // namespace
}  // namespace orbitgrad::testing
