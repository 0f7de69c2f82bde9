#include "kernels/gemm/gemm.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/kernels/case_table.hpp"
#include "tests/thread_count.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::dense_gemm;
using kernels::DeviceKind;
using kernels::Gemm;
using kernels::GemmProblem;
using kernels::Registry;

struct Case {
  std::int64_t m, n, k, batch;
};
const Case cases[] = {{1, 1, 1, 1},       {3, 5, 7, 1},    {12, 32, 256, 1}, {13, 33, 257, 2},
                      {64, 64, 64, 3},    {5, 700, 31, 1}, {700, 3, 40, 1},  {100, 90, 600, 1},
                      {250, 520, 100, 1}, {4, 4, 0, 2},    {30, 4200, 3, 1}, {1600, 40, 3, 1},
                      {1, 70, 300, 9},    {0, 3, 2, 1},    {3, 0, 2, 1},     {2, 3, 4, 0}};

std::int64_t extent(std::int64_t batch, std::int64_t stride, std::int64_t rows, std::int64_t ld) {
  return batch * stride + rows * ld;
}

template <class T>
void check(const GemmProblem& problem, Data kind) {
  const std::int64_t rows_a = problem.transpose_a ? problem.k : problem.m;
  const std::int64_t rows_b = problem.transpose_b ? problem.n : problem.k;
  const auto a = make_data<T>(extent(problem.batch, problem.batch_stride_a, rows_a, problem.lda), 1, kind);
  const auto b = make_data<T>(extent(problem.batch, problem.batch_stride_b, rows_b, problem.ldb), 2, kind);
  const std::int64_t size = extent(problem.batch, problem.batch_stride_c, problem.m, problem.ldc);
  const auto before = make_data<T>(size, 3, kind);
  std::vector<double> expected(before.begin(), before.end());
  for (std::int64_t i = 0; i < problem.batch; ++i)
    for (std::int64_t row = 0; row < problem.m; ++row)
      for (std::int64_t column = 0; column < problem.n; ++column) {
        double& out = expected[static_cast<std::size_t>(i * problem.batch_stride_c + row * problem.ldc + column)];
        double sum = problem.accumulate ? out : 0.0;
        for (std::int64_t d = 0; d < problem.k; ++d) {
          const std::int64_t at_a = problem.transpose_a ? d * problem.lda + row : row * problem.lda + d;
          const std::int64_t at_b = problem.transpose_b ? column * problem.ldb + d : d * problem.ldb + column;
          sum += static_cast<double>(a[static_cast<std::size_t>(i * problem.batch_stride_a + at_a)]) *
                 static_cast<double>(b[static_cast<std::size_t>(i * problem.batch_stride_b + at_b)]);
        }
        out = sum;
      }
  for (const auto& implementation : Registry<Gemm<T>>::all()) {
    if (implementation.device != DeviceKind::cpu || !implementation.supports(problem)) continue;
    SCOPED_TRACE(fmt::format("{} m {} n {} k {} batch {} transposes {}{} accumulate {} element {} bytes",
                             implementation.name, problem.m, problem.n, problem.k, problem.batch, problem.transpose_a,
                             problem.transpose_b, problem.accumulate, sizeof(T)));
    const auto run = [&](T* c) {
      std::copy(before.begin(), before.end(), c);
      implementation.launch(problem, a.data(), b.data(), c);
    };
    expect_matches(deterministic<T>(size, run), expected, kind);
  }
}

TEST(Gemm, MatchesTheNaiveProduct) {
  for (const Case& c : cases)
    for (int variant = 0; variant < 8; ++variant) {
      const auto problem = dense_gemm(c.m, c.n, c.k, variant & 1, variant & 2, variant & 4, c.batch);
      for (const Data kind : {Data::small_integers, Data::random}) {
        check<float>(problem, kind);
        check<double>(problem, kind);
      }
    }
}

TEST(Gemm, LargeProductsHaveTheSameBitsForEveryNumberOfThreads) {
  // Large enough to be cut: squarely, along one side, across several depths, and a batch.
  for (const Case& c :
       {Case{400, 300, 300, 1}, Case{17, 2000, 700, 1}, Case{3000, 70, 90, 1}, Case{200, 210, 300, 3}}) {
    const auto problem = dense_gemm(c.m, c.n, c.k, c.k == 700, c.k != 90, false, c.batch);
    const auto a = make_data<float>(c.batch * c.m * c.k, 1, Data::random),
               b = make_data<float>(c.batch * c.k * c.n, 2, Data::random);
    for (const auto& implementation : Registry<Gemm<float>>::all()) {
      if (implementation.device != DeviceKind::cpu) continue;
      SCOPED_TRACE(fmt::format("{} m {} n {} k {}", implementation.name, c.m, c.n, c.k));
      std::vector<float> expected;
      for (const int threads : {1, 2, 3, 4, 7}) {
        const ThreadCount scope(threads);
        std::vector<float> result(static_cast<std::size_t>(c.batch * c.m * c.n), NAN);
        implementation.launch(problem, a.data(), b.data(), result.data());
        if (expected.empty()) expected = result;
        EXPECT_TRUE(same_bits(result, expected)) << threads << " threads";
      }
      for (std::size_t at = 0; at < expected.size(); at += 997) {  // some of them against the sum written out
        const auto i = static_cast<std::int64_t>(at), batch = i / (c.m * c.n), row = i / c.n % c.m, column = i % c.n;
        double sum = 0;
        for (std::int64_t d = 0; d < c.k; ++d) {
          const std::int64_t in_a = problem.transpose_a ? d * c.m + row : row * c.k + d,
                             in_b = problem.transpose_b ? column * c.k + d : d * c.n + column;
          sum += static_cast<double>(a[static_cast<std::size_t>(batch * c.m * c.k + in_a)]) *
                 static_cast<double>(b[static_cast<std::size_t>(batch * c.k * c.n + in_b)]);
        }
        EXPECT_NEAR(static_cast<double>(expected[at]), sum, 1e-3);
      }
    }
  }
}

TEST(Gemm, LeadingDimensionsAndSharedOperands) {
  for (int variant = 0; variant < 8; ++variant) {
    auto problem = dense_gemm(30, 45, 20, variant & 1, variant & 2, variant & 4, 3);
    problem.lda += 3, problem.ldb += 5, problem.ldc += 7;
    problem.batch_stride_a = 0, problem.batch_stride_b = 45 * 50, problem.batch_stride_c = 31 * problem.ldc;
    check<float>(problem, Data::small_integers);
    check<double>(problem, Data::random);
  }
}

TEST(Gemm, ForcedImplementationIsTaken) {
  auto problem = dense_gemm(3, 3, 3);
  const auto a = make_data<float>(9, 1, Data::small_integers), b = make_data<float>(9, 2, Data::small_integers);
  for (const auto& implementation : Registry<Gemm<float>>::all()) {
    if (implementation.device != DeviceKind::cpu) continue;
    problem.implementation = implementation.name;
    const auto direct = guarded<float>(9, [&](float* c) { implementation.launch(problem, a.data(), b.data(), c); });
    const auto chosen = guarded<float>(9, [&](float* c) { kernels::cpu::gemm(problem, a.data(), b.data(), c); });
    EXPECT_TRUE(same_bits(direct, chosen)) << implementation.name;
  }
}

}  // namespace
}  // namespace orbitgrad::testing
