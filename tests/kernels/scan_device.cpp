#include "kernels/scan/scan.hpp"
#include "tests/kernels/buffer.hpp"
#include "tests/kernels/device_map.hpp"

namespace orbitgrad::testing {
namespace {

using kernels::ScanProblem;

// Empty, one element, columns side by side, longer than a chunk of the device.
const ScanProblem problems[] = {{0, 4, 2}, {2, 0, 3}, {1, 1, 1}, {3, 5, 1}, {2, 7, 70}, {2, 600, 1}, {1, 300, 3}};

template <class T>
std::vector<T> values_of(const ScanProblem& p) {
  if constexpr (std::is_integral_v<T>) {
    std::vector<T> x(static_cast<std::size_t>(p.count()));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(i * i % 17) - 8;
    return x;
  } else {
    return random_values<T>(p.count(), 1);
  }
}

template <class T>
void check(ScanProblem p, double relative) {
  for (const bool reversed : {false, true}) {
    p.reversed = reversed;
    const auto x = values_of<T>(p);
    std::vector<T> expected(x.size());
    for (std::int64_t column = 0; column < p.outer * p.inner; ++column) {
      const std::int64_t start = column / p.inner * p.size * p.inner + column % p.inner;
      double sum = 0;
      for (std::int64_t s = 0; s < p.size; ++s) {
        const auto at = static_cast<std::size_t>(start + (reversed ? p.size - 1 - s : s) * p.inner);
        sum += static_cast<double>(x[at]);
        expected[at] = static_cast<T>(sum);
      }
    }
    const auto on_cpu = same_for_any_thread_count([&] {
      std::vector<T> y(x.size());
      kernels::cpu::cumulative_sum(p, x.data(), y.data());
      return y;
    });
    EXPECT_TRUE(same_bits(on_cpu, expected));
    kernels::testing::check_every_version<kernels::CumulativeSum<T>>(
        p, [&](const auto& version) { return kernels::testing::map_on_device<T>(version, p, x.size(), x); }, expected,
        relative);
  }
}

TEST(ScanDevice, EveryVersionMatchesTheFormula) {
  for (const ScanProblem& p : problems) {
    check<float>(p, tolerance<float>);
    check<double>(p, tolerance<double>);
    check<std::int64_t>(p, 0);
  }
}

TEST(ScanDevice, BarriersAreNeeded) {
  const ScanProblem p{1, 600, 1};
  const auto x = values_of<float>(p);
  kernels::testing::check_barriers_are_needed<kernels::CumulativeSum<float>>(
      p, [&](const auto& version) { return kernels::testing::map_on_device<float>(version, p, x.size(), x); });
}

}  // namespace
}  // namespace orbitgrad::testing
