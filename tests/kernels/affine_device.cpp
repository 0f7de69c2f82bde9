// The product with bias, activation and rounded operands on a device, against the formula in double.
#include <cmath>

#include "kernels/gemm/affine.hpp"
#include "tests/kernels/case_table.hpp"
#include "tests/kernels/device_versions.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::Activation;
using kernels::Affine;
using kernels::AffineProblem;
using kernels::DeviceKind;
using kernels::Precision;
using kernels::testing::DeviceArray;

float rounded(Precision precision, float value) {
  switch (precision) {
    case Precision::tf32:
      return kernels::rounded_to_tf32(value);
    case Precision::bfloat16:
      return static_cast<float>(kernels::Bfloat16(value));
    case Precision::float16:
      return static_cast<float>(kernels::Float16(value));
    default:
      return value;
  }
}
double rounded(Precision, double value) { return value; }

template <class T>
struct AffineCase {
  AffineProblem problem;
  bool has_bias;
  std::vector<T> a, b, bias;

  AffineCase(const AffineProblem& p, bool with_bias)
      : problem(p),
        has_bias(with_bias),
        a(make_data<T>(p.gemm.batch * p.gemm.m * p.gemm.k, 1, Data::random)),
        b(make_data<T>(p.gemm.batch * p.gemm.k * p.gemm.n, 2, Data::random)),
        bias(make_data<T>(p.gemm.n, 3, Data::random)) {}

  std::vector<T> expected() const {
    const kernels::GemmProblem& p = problem.gemm;
    std::vector<T> c;
    for (std::int64_t row = 0; row < p.batch * p.m; ++row)
      for (std::int64_t column = 0; column < p.n; ++column) {
        const std::int64_t batch = row / p.m, i = row % p.m;
        double sum = has_bias ? static_cast<double>(bias[static_cast<std::size_t>(column)]) : 0;
        for (std::int64_t d = 0; d < p.k; ++d) {
          const std::int64_t at_a = batch * p.m * p.k + (p.transpose_a ? d * p.m + i : i * p.k + d);
          const std::int64_t at_b = batch * p.k * p.n + (p.transpose_b ? column * p.k + d : d * p.n + column);
          sum += static_cast<double>(rounded(problem.precision, a[static_cast<std::size_t>(at_a)])) *
                 static_cast<double>(rounded(problem.precision, b[static_cast<std::size_t>(at_b)]));
        }
        c.push_back(static_cast<T>(kernels::activated(problem.activation, sum)));
      }
    return c;
  }

  auto runner() const {
    return [this](const auto& version) {
      DeviceArray<T> on_a(version.device, std::span<const T>(a)), on_b(version.device, std::span<const T>(b));
      DeviceArray<T> on_bias(version.device, std::span<const T>(bias));
      const auto count = static_cast<std::size_t>(problem.gemm.batch * problem.gemm.m * problem.gemm.n);
      DeviceArray<T> on_c(version.device, count);
      version.launch(problem, on_a.data(), on_b.data(), has_bias ? on_bias.data() : nullptr, on_c.data());
      return on_c.to_host();
    };
  }
};

template <class T>
void check(const AffineProblem& problem, bool with_bias) {
  const AffineCase<T> checked(problem, with_bias);
  const double of_library =
      problem.precision == Precision::float32 ? 0 : kernels::testing::library_tolerance(problem.precision);
  kernels::testing::check_every_version<Affine<T>>(checked.problem, checked.runner(), checked.expected(),
                                                   tolerance<T>(), of_library);
}

TEST(AffineDevice, EveryVersionMatchesTheFormula) {
  struct Sizes {
    std::int64_t m, n, k, batch;
  };
  for (const Sizes& s : {Sizes{1, 1, 1, 1}, {3, 5, 7, 2}, {65, 70, 35, 1}, {4, 4, 0, 2}, {0, 3, 2, 1}, {2, 3, 4, 0}})
    for (const Activation activation : {Activation::none, Activation::relu, Activation::gelu})
      for (const Precision precision : {Precision::float32, Precision::tf32, Precision::bfloat16, Precision::float16}) {
        const bool odd = s.m % 2 == 1;
        const AffineProblem problem{kernels::dense_gemm(s.m, s.n, s.k, false, odd, false, s.batch), precision,
                                    activation};
        check<float>(problem, activation != Activation::none);
        if (precision == Precision::float32) check<double>(problem, true);
      }
}

TEST(AffineDevice, OnlyTheAskedPrecisionIsTaken) {
  using Registry = kernels::Registry<Affine<float>>;
  AffineProblem problem{kernels::dense_gemm(8, 8, 8)};
  for (const auto& [precision, expected] : {std::pair(Precision::float32, "register_tile_async"),
                                            {Precision::tf32, "mma_tf32"},
                                            {Precision::bfloat16, "mma_bf16"},
                                            {Precision::float16, "mma_f16"}}) {
    problem.precision = precision;
    int supporting = 0;
    for (const auto& version : Registry::all())
      supporting += version.device == DeviceKind::sim && version.supports(problem) ? 1 : 0;
    EXPECT_EQ(supporting, 1);
    EXPECT_EQ(Registry::best(DeviceKind::sim, problem)->name, expected);
  }
}

TEST(AffineDevice, EveryBarrierIsNeeded) {
  for (const Precision precision : {Precision::float32, Precision::bfloat16}) {
    const AffineCase<float> checked({kernels::dense_gemm(20, 20, 70), precision, Activation::relu}, true);
    kernels::testing::check_barriers_are_needed<Affine<float>>(checked.problem, checked.runner());
  }
}

}  // namespace
}  // namespace orbitgrad::testing
