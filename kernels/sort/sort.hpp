// The order of the elements of each row, and the place of a value in a sorted row. Both are stable and total: equal
// elements keep their order, NaN counts as greater than every number and equal to NaN, -0 equals 0. So every version
// gives the same integers.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/host_device.hpp"

namespace orbitgrad::kernels {

/// x [rows, columns] -> order [rows, kept]: positions of the `kept` first elements of each row in ascending (or
/// descending) order.
struct ArgsortProblem {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t kept = 0;
  bool descending = false;
};

/// sorted [rows, columns], value [rows, values] -> place [rows, values].
struct SearchSortedProblem {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t values = 0;
  bool after_equals = false;
};

template <class T>
ORBITGRAD_HOST_DEVICE bool is_below(T a, T b) {
  return a < b || (b != b && a == a);
}

/// Whether element i of value a comes before element j of value b.
template <class T>
ORBITGRAD_HOST_DEVICE bool comes_before(bool descending, T a, std::int64_t i, T b, std::int64_t j) {
  if (descending ? is_below(b, a) : is_below(a, b)) return true;
  if (descending ? is_below(a, b) : is_below(b, a)) return false;
  return i < j;
}

/// How many elements of the ascending row are below the value, or (after_equals) not above it.
template <class T>
ORBITGRAD_HOST_DEVICE std::int64_t place_in_sorted(bool after_equals, const T* row, std::int64_t count, T value) {
  std::int64_t low = 0, high = count;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (after_equals ? !is_below(value, row[middle]) : is_below(row[middle], value))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

template <class T>
struct Argsort {
  using Problem = ArgsortProblem;
  using Launch = void(const Problem&, const T* x, std::int64_t* order);
  static constexpr std::string_view name = "sort.argsort";
};

template <class T>
struct SearchSorted {
  using Problem = SearchSortedProblem;
  using Launch = void(const Problem&, const T* sorted, const T* value, std::int64_t* place);
  static constexpr std::string_view name = "sort.search_sorted";
};

namespace cpu {

/// T: float, double, int32, int64.
template <class T>
void argsort(const ArgsortProblem& problem, const T* x, std::int64_t* order);

template <class T>
void search_sorted(const SearchSortedProblem& problem, const T* sorted, const T* value, std::int64_t* place);

}  // namespace cpu
}  // namespace orbitgrad::kernels
