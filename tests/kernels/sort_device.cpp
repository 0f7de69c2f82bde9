#include "kernels/sort/sort.hpp"

#include <algorithm>
#include <numeric>

#include "tests/kernels/device_map.hpp"
#include "tests/kernels/strided_array.hpp"

namespace orbitgrad::kernels::testing {
namespace {

/// NaN last; everything else by value.
template <class T>
bool is_lower(T a, T b) {
  if (a != a) return false;
  return b != b || a < b;
}

/// What std::stable_sort says.
template <class T>
std::vector<std::int64_t> expected_order(const ArgsortProblem& p, const std::vector<T>& x) {
  std::vector<std::int64_t> result;
  for (std::int64_t row = 0; row < p.rows; ++row) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(p.columns));
    std::iota(order.begin(), order.end(), 0);
    const T* values = x.data() + row * p.columns;
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t i, std::int64_t j) {
      return p.descending ? is_lower(values[j], values[i]) : is_lower(values[i], values[j]);
    });
    result.insert(result.end(), order.begin(), order.begin() + p.kept);
  }
  return result;
}

template <class T>
void check_order(const ArgsortProblem& p) {
  const auto x = elements<T>(p.rows * p.columns, 1, true);  // many equal ones, NaN, infinities, both zeros
  const auto expected = expected_order(p, x);
  std::vector<std::int64_t> on_cpu(expected.size());
  cpu::argsort(p, x.data(), on_cpu.data());
  EXPECT_EQ(on_cpu, expected);
  check_every_version<Argsort<T>>(
      p, [&](const auto& version) { return map_on_device<std::int64_t>(version, p, expected.size(), x); }, expected, 0);
}

TEST(SortDevice, EveryVersionIsTheStableOrder) {
  const ArgsortProblem problems[] = {{0, 4, 4}, {2, 3, 0},         {3, 1, 1},         {5, 2, 2},
                                     {3, 7, 7}, {2, 33, 33, true}, {1, 300, 5, true}, {1, 200, 200}};
  for (const ArgsortProblem& p : problems) {
    check_order<float>(p);
    check_order<std::int32_t>(p);
  }
  check_order<double>({2, 65, 65});
  check_order<std::int64_t>({2, 65, 65, true});
  check_order<float>({1, 1030, 1030});
}

TEST(Sort, LongRowsAreTheStableOrder) {
  const auto check = []<class T>(T) {
    for (const bool descending : {false, true}) {
      const ArgsortProblem p{2, 5000, 5000, descending};
      const auto x = elements<T>(p.rows * p.columns, 7, true);
      std::vector<std::int64_t> order(x.size());
      cpu::argsort(p, x.data(), order.data());
      EXPECT_EQ(order, expected_order(p, x));
    }
  };
  check(float());
  check(double());
  check(std::int32_t());
  check(std::int64_t());
}

TEST(SortDevice, BarriersAreNeeded) {
  const ArgsortProblem p{1, 200, 200};
  std::vector<float> x(200);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>((i * 37) % 200);
  check_barriers_are_needed<Argsort<float>>(
      p, [&](const auto& version) { return map_on_device<std::int64_t>(version, p, 200, x); });
}

template <class T>
void check_places(const SearchSortedProblem& p) {
  auto sorted = elements<T>(p.rows * p.columns, 2, true);
  for (std::int64_t row = 0; row < p.rows; ++row)
    std::sort(sorted.begin() + row * p.columns, sorted.begin() + (row + 1) * p.columns, is_lower<T>);
  const auto values = elements<T>(p.rows * p.values, 3, true);
  std::vector<std::int64_t> expected, on_cpu(values.size());
  for (std::int64_t i = 0; i < p.rows * p.values; ++i) {
    const auto row = sorted.begin() + i / p.values * p.columns;
    const T value = values[static_cast<std::size_t>(i)];
    expected.push_back(std::count_if(row, row + p.columns, [&](T other) {
      return p.after_equals ? !is_lower(value, other) : is_lower(other, value);
    }));
  }
  cpu::search_sorted(p, sorted.data(), values.data(), on_cpu.data());
  EXPECT_EQ(on_cpu, expected);
  check_every_version<SearchSorted<T>>(
      p, [&](const auto& version) { return map_on_device<std::int64_t>(version, p, values.size(), sorted, values); },
      expected, 0);
}

TEST(SortDevice, PlacesAreCounts) {
  for (const SearchSortedProblem& p :
       {SearchSortedProblem{0, 3, 3}, {2, 0, 4}, {2, 3, 0}, {3, 17, 40, false}, {3, 17, 40, true}}) {
    check_places<float>(p);
    check_places<double>(p);
    check_places<std::int32_t>(p);
    check_places<std::int64_t>(p);
  }
}

}  // namespace
}  // namespace orbitgrad::kernels::testing
