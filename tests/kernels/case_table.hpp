// What the tests of dense kernels share: data that is exact in float or random, arrays between sentinels, comparison
// with a float64 reference, and running with a given number of threads.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "kernels/parallel.hpp"
#include "kernels/philox.hpp"

namespace orbitgrad::testing {

enum class Data { small_integers, random };

/// Small integers -3..3, whose sums of products are exact in float, or uniform numbers in [-1, 1).
template <class T>
std::vector<T> make_data(std::int64_t count, std::uint64_t key, Data kind) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint32_t word = kernels::philox(key, static_cast<std::uint64_t>(i)).word[0];
    values[static_cast<std::size_t>(i)] = kind == Data::small_integers
                                              ? static_cast<T>(static_cast<int>(word % 7) - 3)
                                              : static_cast<T>(2.0f * kernels::uniform_float(word) - 1.0f);
  }
  return values;
}

/// An array of NaNs between two fences that the kernel must not touch.
template <class T>
class GuardedArray {
 public:
  explicit GuardedArray(std::int64_t count)
      : count_(static_cast<std::size_t>(count)), memory_(count_ + 2 * fence, static_cast<T>(std::nan(""))) {
    std::fill_n(memory_.begin(), fence, sentinel);
    std::fill_n(memory_.end() - fence, fence, sentinel);
  }
  T* data() { return memory_.data() + fence; }
  std::vector<T> values() const { return {memory_.begin() + fence, memory_.end() - fence}; }
  bool fences_hold() const {
    return std::all_of(memory_.begin(), memory_.begin() + fence, [](T v) { return v == sentinel; }) &&
           std::all_of(memory_.end() - fence, memory_.end(), [](T v) { return v == sentinel; });
  }

 private:
  static constexpr std::ptrdiff_t fence = 64;
  static constexpr T sentinel = static_cast<T>(-12345.0);
  std::size_t count_;
  std::vector<T> memory_;
};

/// The result of run(output) for a guarded output, which must be filled and not overrun.
template <class T, class Run>
std::vector<T> guarded(std::int64_t count, Run&& run) {
  GuardedArray<T> output(count);
  run(output.data());
  EXPECT_TRUE(output.fences_hold()) << "written outside the output";
  return output.values();
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// Largest difference relative to the largest reference value.
template <class T>
double relative_error(const std::vector<T>& values, const std::vector<double>& reference) {
  if (values.size() != reference.size()) return INFINITY;
  double error = 0, largest = 1e-30;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double difference = std::abs(static_cast<double>(values[i]) - reference[i]);
    if (!(difference <= error)) error = std::isnan(difference) ? INFINITY : difference;
    largest = std::max(largest, std::abs(reference[i]));
  }
  return error / largest;
}

template <class T>
constexpr double tolerance() {
  return sizeof(T) == 4 ? 3e-6 : 1e-12;
}

/// Exact for small integers, within the tolerance of the type for random data.
template <class T>
void expect_matches(const std::vector<T>& values, const std::vector<double>& reference, Data kind) {
  EXPECT_LE(relative_error(values, reference), kind == Data::small_integers ? 0.0 : tolerance<T>());
}

/// run() with that many threads for parallel loops.
template <class Run>
auto with_threads(int threads, Run&& run) {
#ifdef _OPENMP
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  auto result = run();
  omp_set_num_threads(before);
  return result;
#else
  static_cast<void>(threads);
  return run();
#endif
}

/// Fills a fresh guarded output three times: the same bits again and for 1, 2 and 3 threads. Returns it.
template <class T, class Run>
std::vector<T> deterministic(std::int64_t count, Run&& run) {
  const auto once = [&] { return guarded<T>(count, run); };
  const std::vector<T> first = with_threads(2, once);
  EXPECT_TRUE(same_bits(first, with_threads(2, once))) << "two runs differ";
  EXPECT_TRUE(same_bits(first, with_threads(1, once))) << "1 and 2 threads differ";
  EXPECT_TRUE(same_bits(first, with_threads(3, once))) << "3 and 2 threads differ";
  return first;
}

}  // namespace orbitgrad::testing
