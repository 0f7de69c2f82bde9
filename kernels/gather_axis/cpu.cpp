#include <algorithm>

#include "kernels/enough_work.hpp"
#include "kernels/gather_axis/gather_axis.hpp"
#include "kernels/parallel.hpp"
#include "kernels/registration.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

constexpr std::int64_t column_block = 1024;

/// Calls body(o, begin, end) for every outer row and block of columns.
template <class Body>
void for_each_column_block(const GatherAxisProblem& problem, Body&& body) {
  const std::int64_t blocks = (problem.inner + column_block - 1) / column_block;
  const std::int64_t work = std::max<std::int64_t>(1, problem.picks * std::min(problem.inner, column_block));
  parallel_for(problem.outer * blocks, 2 * enough_elements / work + 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t unit = first; unit < last; ++unit) {
      const std::int64_t begin = unit % blocks * column_block;
      body(unit / blocks, begin, std::min(begin + column_block, problem.inner));
    }
  });
}

}  // namespace

template <class T>
void gather_axis(const GatherAxisProblem& problem, const T* x, const std::int64_t* index, T* y) {
  const std::int64_t inner = problem.inner, picks = problem.picks;
  for_each_column_block(problem, [&](std::int64_t o, std::int64_t begin, std::int64_t end) {
    const T* plane = x + o * problem.size * inner;
    for (std::int64_t k = 0; k < picks; ++k) {
      const std::int64_t row = (o * picks + k) * inner;
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t pick = index[row + i];
        y[row + i] = pick < 0 ? T(0) : plane[gather_axis_source(pick, i, inner)];
      }
    }
  });
}

template <class T>
void scatter_add_axis(const GatherAxisProblem& problem, const T* dy, const std::int64_t* index, T* dx) {
  const std::int64_t inner = problem.inner, picks = problem.picks;
  for_each_column_block(problem, [&](std::int64_t o, std::int64_t begin, std::int64_t end) {
    T* plane = dx + o * problem.size * inner;
    if (inner == 1) {
      std::fill(plane, plane + problem.size, T(0));
    } else {
      for (std::int64_t s = 0; s < problem.size; ++s)
        std::fill(plane + s * inner + begin, plane + s * inner + end, T(0));
    }
    for (std::int64_t k = 0; k < picks; ++k) {
      const std::int64_t row = (o * picks + k) * inner;
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t pick = index[row + i];
        if (pick >= 0) plane[gather_axis_source(pick, i, inner)] += dy[row + i];
      }
    }
  });
}

template void gather_axis<float>(const GatherAxisProblem&, const float*, const std::int64_t*, float*);
template void gather_axis<double>(const GatherAxisProblem&, const double*, const std::int64_t*, double*);
template void gather_axis<bool>(const GatherAxisProblem&, const bool*, const std::int64_t*, bool*);
template void gather_axis<std::int32_t>(const GatherAxisProblem&, const std::int32_t*, const std::int64_t*,
                                        std::int32_t*);
template void gather_axis<std::int64_t>(const GatherAxisProblem&, const std::int64_t*, const std::int64_t*,
                                        std::int64_t*);
template void scatter_add_axis<float>(const GatherAxisProblem&, const float*, const std::int64_t*, float*);
template void scatter_add_axis<double>(const GatherAxisProblem&, const double*, const std::int64_t*, double*);

namespace {
const CpuRegistration<GatherAxis> gather_registration{"cpu", gather_axis<float>, gather_axis<double>};
const CpuRegistration<ScatterAddAxis> scatter_registration{"cpu", scatter_add_axis<float>, scatter_add_axis<double>};
}  // namespace

}  // namespace orbitgrad::kernels::cpu
