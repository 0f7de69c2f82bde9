#include <algorithm>
#include <bit>
#include <type_traits>
#include <vector>

#include "kernels/parallel.hpp"
#include "kernels/registration.hpp"
#include "kernels/sort/sort.hpp"

namespace orbitgrad::kernels::cpu {

namespace {

template <class T>
using KeyOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

/// A number whose order as an unsigned one is that of the sort: NaN above all, -0 as 0; descending is its complement.
template <class T>
KeyOf<T> sort_key(T value, bool descending) {
  constexpr KeyOf<T> sign = KeyOf<T>{1} << (8 * sizeof(T) - 1);
  KeyOf<T> bits = 0;
  if (value == value) {
    if (value == 0) value = 0;
    bits = std::bit_cast<KeyOf<T>>(value);
    const bool turns_around = std::is_floating_point_v<T> && (bits & sign) != 0;
    bits = turns_around ? static_cast<KeyOf<T>>(~bits) : static_cast<KeyOf<T>>(bits ^ sign);
  } else {
    bits = static_cast<KeyOf<T>>(~KeyOf<T>{0});
  }
  return descending ? static_cast<KeyOf<T>>(~bits) : bits;
}

template <class Key>
struct Element {
  Key key;
  std::int64_t position;
  friend bool operator<(const Element& a, const Element& b) {
    return a.key < b.key || (a.key == b.key && a.position < b.position);
  }
};

/// Stable passes over 11 bits of the key at a time, from the lowest; a pass in which all agree is left out.
template <class Key>
void radix_sort(std::vector<Element<Key>>& elements, std::vector<Element<Key>>& spare) {
  constexpr int bits = 11, buckets = 1 << bits;
  spare.resize(elements.size());
  for (unsigned shift = 0; shift < 8 * sizeof(Key); shift += bits) {
    const auto digit = [&](const Element<Key>& e) { return static_cast<std::size_t>(e.key >> shift & (buckets - 1)); };
    std::size_t start[buckets + 1] = {};
    for (const Element<Key>& e : elements) ++start[digit(e) + 1];
    if (start[digit(elements[0]) + 1] == elements.size()) continue;
    for (int i = 0; i < buckets; ++i) start[i + 1] += start[i];
    for (const Element<Key>& e : elements) spare[start[digit(e)]++] = e;
    elements.swap(spare);
  }
}

}  // namespace

template <class T>
void argsort(const ArgsortProblem& p, const T* x, std::int64_t* order) {
  if (p.rows * p.kept == 0) return;
  constexpr std::int64_t long_row = 2048;  // from here on the passes cost less than comparing
  parallel_for(p.rows, 4096 / p.columns + 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<Element<KeyOf<T>>> elements(static_cast<std::size_t>(p.columns)), spare;
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t i = 0; i < p.columns; ++i)
        elements[static_cast<std::size_t>(i)] = {sort_key(x[row * p.columns + i], p.descending), i};
      // partial_sort keeps a heap of what is kept: faster than all only for few.
      if (p.kept * 8 < p.columns)
        std::partial_sort(elements.begin(), elements.begin() + p.kept, elements.end());
      else if (p.columns < long_row)
        std::sort(elements.begin(), elements.end());
      else
        radix_sort(elements, spare);
      for (std::int64_t i = 0; i < p.kept; ++i)
        order[row * p.kept + i] = elements[static_cast<std::size_t>(i)].position;
    }
  });
}

template <class T>
void search_sorted(const SearchSortedProblem& p, const T* sorted, const T* value, std::int64_t* place) {
  parallel_for(p.rows * p.values, 1024, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      place[i] = place_in_sorted(p.after_equals, sorted + i / p.values * p.columns, p.columns, value[i]);
  });
}

template void argsort<std::int32_t>(const ArgsortProblem&, const std::int32_t*, std::int64_t*);
template void argsort<std::int64_t>(const ArgsortProblem&, const std::int64_t*, std::int64_t*);
template void search_sorted<std::int32_t>(const SearchSortedProblem&, const std::int32_t*, const std::int32_t*,
                                          std::int64_t*);
template void search_sorted<std::int64_t>(const SearchSortedProblem&, const std::int64_t*, const std::int64_t*,
                                          std::int64_t*);

namespace {
const CpuRegistration<Argsort> sort_registration{"cpu", argsort<float>, argsort<double>};
const CpuRegistration<SearchSorted> search_registration{"cpu", search_sorted<float>, search_sorted<double>};
}  // namespace

template void argsort<float>(const ArgsortProblem&, const float*, std::int64_t*);
template void argsort<double>(const ArgsortProblem&, const double*, std::int64_t*);
template void search_sorted<float>(const SearchSortedProblem&, const float*, const float*, std::int64_t*);
template void search_sorted<double>(const SearchSortedProblem&, const double*, const double*, std::int64_t*);

}  // namespace orbitgrad::kernels::cpu
