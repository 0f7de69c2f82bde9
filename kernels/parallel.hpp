// Splits a loop over threads. The split never decides a value: a body must give the same bits for any split, so
// reductions work on chunks of a fixed size and combine the partial results in order.
#pragma once

#include <algorithm>
#include <cstdint>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace orbitgrad::kernels {

/// Threads a parallel loop started here would use: 1 inside a parallel region.
inline int thread_count() {
#ifdef _OPENMP
  return omp_in_parallel() ? 1 : omp_get_max_threads();
#else
  return 1;
#endif
}

/// Calls body(begin, end) on disjoint ranges that cover [0, count). A range has at least `grain` items, so that small
/// loops stay on the calling thread. The body must not throw.
template <class Body>
void parallel_for(std::int64_t count, std::int64_t grain, Body&& body) {
  if (count <= 0) return;
  const std::int64_t pieces =
      std::min<std::int64_t>(thread_count(), (count + grain - 1) / std::max<std::int64_t>(grain, 1));
  if (pieces <= 1) {
    body(std::int64_t{0}, count);
    return;
  }
#ifdef _OPENMP
#pragma omp parallel for schedule(static) num_threads(static_cast <int>(pieces))
#endif
  for (std::int64_t piece = 0; piece < pieces; ++piece) body(count * piece / pieces, count * (piece + 1) / pieces);
}

}  // namespace orbitgrad::kernels
