// What the kernel tests share: output buffers between sentinels, reproducible random data, inner products, and a run of
// the same computation on one, two and three threads.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "kernels/philox.hpp"

namespace orbitgrad::testing {

template <class T>
inline constexpr double tolerance = sizeof(T) == 4 ? 3e-6 : 1e-12;

/// `count` elements with a sentinel on both sides; filled with a value no kernel leaves behind. The destructor reports
/// writes outside.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::int64_t count, T filling = T(-77)) : count_(count) {
    values_.assign(static_cast<std::size_t>(count + 2 * margin), T(12345));
    for (std::int64_t i = 0; i < count; ++i) data()[i] = filling;
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded() {
    for (std::int64_t i = 0; i < margin; ++i) {
      EXPECT_EQ(values_[static_cast<std::size_t>(i)], T(12345)) << "written before the buffer";
      EXPECT_EQ(data()[count_ + i], T(12345)) << "written after the buffer";
    }
  }

  T* data() { return values_.data() + margin; }
  T operator[](std::int64_t i) const { return values_[static_cast<std::size_t>(margin + i)]; }
  std::vector<T> values() const { return {values_.begin() + margin, values_.end() - margin}; }

 private:
  static constexpr std::int64_t margin = 16;
  std::int64_t count_;
  std::vector<T> values_;
};

/// Uniform in [-1, 1).
template <class T>
std::vector<T> random_values(std::int64_t count, std::uint64_t key) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const kernels::PhiloxBlock block = kernels::philox(key, i);
    values[i] = static_cast<T>(2 * kernels::uniform_double(block.word[0], block.word[1]) - 1);
  }
  return values;
}

template <class T>
double inner_product(const std::vector<T>& a, const std::vector<T>& b) {
  EXPECT_EQ(a.size(), b.size());
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

/// Relative to the largest expected value, or to `at_least` where the expected values are small by cancellation.
template <class T>
void expect_near(const std::vector<T>& actual, const std::vector<double>& expected, double relative = tolerance<T>,
                 double at_least = 1e-30) {
  ASSERT_EQ(actual.size(), expected.size());
  double largest = at_least;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(static_cast<double>(actual[i]), expected[i], relative * largest) << "element " << i;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// compute() must return the same bits on one, two and three threads; returns them.
template <class Compute>
auto same_for_any_thread_count(Compute&& compute) {
#ifdef _OPENMP
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const auto result = compute();
  for (const int threads : {2, 3}) {
    omp_set_num_threads(threads);
    EXPECT_TRUE(same_bits(result, compute())) << threads << " threads give other bits";
  }
  omp_set_num_threads(before);
  return result;
#else
  return compute();
#endif
}

}  // namespace orbitgrad::testing
