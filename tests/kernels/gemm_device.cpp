#include <bit>

#include "kernels/gemm/gemm.hpp"
#include "tests/kernels/case_table.hpp"
#include "tests/kernels/device_versions.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::dense_gemm;
using kernels::DeviceKind;
using kernels::Gemm;
using kernels::GemmProblem;
using kernels::testing::check_barriers_are_needed;
using kernels::testing::check_every_version;
using kernels::testing::DeviceArray;

template <class T>
class GemmDeviceTest : public ::testing::Test {};
using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(GemmDeviceTest, Types);

template <class T>
struct Operands {
  GemmProblem problem;
  std::vector<T> a, b, before;

  explicit Operands(const GemmProblem& p) : problem(p) {
    const auto extent = [&](std::int64_t stride, std::int64_t rows, std::int64_t columns, std::int64_t ld) {
      if (p.batch == 0 || rows == 0 || columns == 0) return std::int64_t{0};
      return (p.batch - 1) * stride + (rows - 1) * ld + columns;  // exact, so that one element too far is noticed
    };
    const auto of_a = std::pair(p.m, p.k), of_b = std::pair(p.k, p.n);
    const auto [rows_a, columns_a] = p.transpose_a ? std::pair(p.k, p.m) : of_a;
    const auto [rows_b, columns_b] = p.transpose_b ? std::pair(p.n, p.k) : of_b;
    a = make_data<T>(extent(p.batch_stride_a, rows_a, columns_a, p.lda), 1, Data::random);
    b = make_data<T>(extent(p.batch_stride_b, rows_b, columns_b, p.ldb), 2, Data::random);
    before = make_data<T>(extent(p.batch_stride_c, p.m, p.n, p.ldc), 3, Data::random);
  }

  /// The product in double, of operands that pass through `rounding` first.
  template <class Rounding>
  std::vector<T> expected(Rounding&& rounding) const {
    const GemmProblem& p = problem;
    std::vector<T> c = before;
    for (std::int64_t i = 0; i < p.batch; ++i)
      for (std::int64_t row = 0; row < p.m; ++row)
        for (std::int64_t column = 0; column < p.n; ++column) {
          T& out = c[static_cast<std::size_t>(i * p.batch_stride_c + row * p.ldc + column)];
          double sum = p.accumulate ? static_cast<double>(out) : 0.0;
          for (std::int64_t d = 0; d < p.k; ++d) {
            const std::int64_t at_a = p.transpose_a ? d * p.lda + row : row * p.lda + d;
            const std::int64_t at_b = p.transpose_b ? column * p.ldb + d : d * p.ldb + column;
            sum += static_cast<double>(rounding(a[static_cast<std::size_t>(i * p.batch_stride_a + at_a)])) *
                   static_cast<double>(rounding(b[static_cast<std::size_t>(i * p.batch_stride_b + at_b)]));
          }
          out = static_cast<T>(sum);
        }
    return c;
  }
  std::vector<T> expected() const {
    return expected([](T value) { return value; });
  }

  auto runner() const {
    return [this](const auto& version) {
      DeviceArray<T> on_a(version.device, std::span<const T>(a)), on_b(version.device, std::span<const T>(b));
      DeviceArray<T> on_c(version.device, std::span<const T>(before));
      version.launch(problem, on_a.data(), on_b.data(), on_c.data());
      return on_c.to_host();
    };
  }
};

TYPED_TEST(GemmDeviceTest, EveryVersionMatchesTheNaiveProduct) {
  using T = TypeParam;
  struct Sizes {
    std::int64_t m, n, k, batch;
  };
  for (const Sizes& s : {Sizes{1, 1, 1, 1}, {3, 5, 7, 2}, {65, 33, 17, 1}, {32, 70, 40, 1}, {4, 4, 0, 2}})
    for (const int variant : {0, 7}) {
      const Operands<T> operands(dense_gemm(s.m, s.n, s.k, variant & 1, variant & 2, variant & 4, s.batch));
      check_every_version<Gemm<T>>(operands.problem, operands.runner(), operands.expected(), tolerance<T>());
    }
  for (const Sizes& s : {Sizes{0, 3, 2, 1}, {3, 0, 2, 1}, {2, 3, 4, 0}}) {
    const Operands<T> operands(dense_gemm(s.m, s.n, s.k, false, false, false, s.batch));
    check_every_version<Gemm<T>>(operands.problem, operands.runner(), operands.expected(), tolerance<T>());
  }
}

TYPED_TEST(GemmDeviceTest, LongSumsStayWithinTheTolerance) {
  using T = TypeParam;
  const Operands<T> operands(dense_gemm(5, 6, 1000));
  check_every_version<Gemm<T>>(operands.problem, operands.runner(), operands.expected(), tolerance<T>());
}

TYPED_TEST(GemmDeviceTest, LeadingDimensionsAndSharedOperands) {
  using T = TypeParam;
  for (int variant = 0; variant < 8; ++variant) {
    auto problem = dense_gemm(10, 35, 18, variant & 1, variant & 2, variant & 4, 3);
    problem.lda += 3, problem.ldb += 5, problem.ldc += 7;
    problem.batch_stride_a = 0, problem.batch_stride_b = 45 * 50, problem.batch_stride_c = 11 * problem.ldc;
    const Operands<T> operands(problem);
    check_every_version<Gemm<T>>(operands.problem, operands.runner(), operands.expected(), tolerance<T>());
  }
}

TYPED_TEST(GemmDeviceTest, EveryBarrierIsNeeded) {
  const Operands<TypeParam> operands(dense_gemm(20, 20, 70));
  check_barriers_are_needed<Gemm<TypeParam>>(operands.problem, operands.runner());
}

/// To ten bits after the point, ties away from zero.
float to_tf32(float value) { return std::bit_cast<float>((std::bit_cast<std::uint32_t>(value) + 0x1000U) & ~0x1fffU); }

TEST(GemmDevice, TensorCoresOnlyWhenAskedFor) {
  auto problem = dense_gemm(70, 50, 35);
  EXPECT_EQ((kernels::Registry<Gemm<float>>::find("mma_tf32", DeviceKind::sim, problem)), nullptr);
  EXPECT_EQ((kernels::Registry<Gemm<float>>::best(DeviceKind::sim, problem)->name), "register_tile_async");
  problem.implementation = "mma_tf32";
  const Operands<float> operands(problem);
  const auto* version = kernels::Registry<Gemm<float>>::find("mma_tf32", DeviceKind::sim, problem);
  ASSERT_NE(version, nullptr);
  const auto result = kernels::testing::run_checked<Gemm<float>>(*version, problem, operands.runner());
  kernels::testing::expect_near(result, operands.expected(to_tf32), tolerance<float>(), "rounded operands");
  kernels::testing::expect_near(result, operands.expected(), 2e-3, "exact operands");
  check_barriers_are_needed<Gemm<float>>(problem, operands.runner());
}

}  // namespace
}  // namespace orbitgrad::testing
