#include <algorithm>
#include <vector>

#include "kernels/parallel.hpp"
#include "kernels/registration.hpp"
#include "kernels/sort/sort.hpp"

namespace orbitgrad::kernels::cpu {

template <class T>
void argsort(const ArgsortProblem& p, const T* x, std::int64_t* order) {
  if (p.rows * p.kept == 0) return;
  struct Element {
    T value;
    std::int64_t position;
  };
  parallel_for(p.rows, 4096 / p.columns + 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<Element> elements(static_cast<std::size_t>(p.columns));
    const auto before = [&](const Element& a, const Element& b) {
      return comes_before(p.descending, a.value, a.position, b.value, b.position);
    };
    for (std::int64_t row = begin; row < end; ++row) {
      for (std::int64_t i = 0; i < p.columns; ++i) elements[static_cast<std::size_t>(i)] = {x[row * p.columns + i], i};
      // partial_sort keeps a heap of what is kept: faster than all only for few.
      if (p.kept * 8 < p.columns)
        std::partial_sort(elements.begin(), elements.begin() + p.kept, elements.end(), before);
      else
        std::sort(elements.begin(), elements.end(), before);
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
