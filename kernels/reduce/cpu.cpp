#include "kernels/reduce/reduce.hpp"

#include <type_traits>
#include <vector>

#include "kernels/elementwise/formulas.hpp"
#include "kernels/elementwise/strided_loop.hpp"
#include "kernels/prefetch.hpp"

namespace orbitgrad::kernels::cpu {

namespace {

// A full sum is cut into pieces of this many elements, summed in parallel and then in order.
constexpr std::int64_t piece_size = 16384;
constexpr int sum_lanes = 16, extreme_lanes = 64;  // an extreme is the same from any number
// Columns that are summed at a time: more of them read longer pieces of a row, fewer feed more threads. No bit depends
// on it.
constexpr std::int64_t least_column_tile = 64, most_column_tile = 512;

// One row: interleaved partial results, so that the loop vectorises, then a fixed tree.
template <class Op, class A, class T>
A reduce_row(const T* x, std::int64_t count, std::int64_t step, A start) {
  constexpr int lanes = std::is_same_v<Op, Add> ? sum_lanes : extreme_lanes;
  if (count < lanes) {
    A result = start;
    for (std::int64_t i = 0; i < count; ++i) result = Op{}(result, static_cast<A>(x[i * step]));
    return result;
  }
  A partial[lanes];
  for (int lane = 0; lane < lanes; ++lane) partial[lane] = start;
  std::int64_t i = 0;
  if (step == 1) {
    for (; i + lanes <= count; i += lanes)
      for (int lane = 0; lane < lanes; ++lane) partial[lane] = Op{}(partial[lane], static_cast<A>(x[i + lane]));
  } else {
    for (; i + lanes <= count; i += lanes)
      for (int lane = 0; lane < lanes; ++lane)
        partial[lane] = Op{}(partial[lane], static_cast<A>(x[(i + lane) * step]));
  }
  for (; i < count; ++i) partial[i % lanes] = Op{}(partial[i % lanes], static_cast<A>(x[i * step]));
  for (int width = lanes / 2; width > 0; width /= 2)
    for (int lane = 0; lane < width; ++lane) partial[lane] = Op{}(partial[lane], partial[lane + width]);
  return partial[0];
}

// The extremes start from an element of x: combining it twice changes nothing.
template <class Op, class A, class T>
A start_value(const T* any_element) {
  if constexpr (std::is_same_v<Op, Add>)
    return A{0};
  else
    return static_cast<A>(*any_element);
}

// Adds `count` rows that are `step` apart to sum[width], in order: four at a time, while the next four arrive.
template <class Op, class A, class T>
void add_rows(std::int64_t count, std::int64_t width, const T* x, std::int64_t step, A* __restrict sum) {
  constexpr std::int64_t block = 16;
  const auto combined = [](A total, T value) { return Op{}(total, static_cast<A>(value)); };
  std::int64_t i = 0;
  for (; i + 4 <= count && std::is_same_v<Op, Add>; i += 4) {
    const T *const a = x + i * step, *const b = a + step, *const c = b + step, *const d = c + step;
    std::int64_t j = 0;
    for (; j + block <= width; j += block) {
      for (const T* row : {a, b, c, d}) prefetch<false>(row + 4 * step + j, block);
      for (std::int64_t k = j; k < j + block; ++k)
        sum[k] = combined(combined(combined(combined(sum[k], a[k]), b[k]), c[k]), d[k]);
    }
    for (; j < width; ++j) sum[j] = combined(combined(combined(combined(sum[j], a[j]), b[j]), c[j]), d[j]);
  }
  for (; i < count; ++i)
    for (std::int64_t j = 0; j < width; ++j) sum[j] = combined(sum[j], x[i * step + j]);
}

// Elements [begin, end) of a strided block.
template <class Op, class A, class T>
A reduce_elements(const StridedLoop<1>& block, const T* x, std::int64_t begin, std::int64_t end) {
  A result = start_value<Op, A>(x);
  block.run_range(begin, end, [&](const auto& offset, std::int64_t count) {
    const T* row = x + offset[0];
    result = Op{}(result, reduce_row<Op, A>(row, count, block.inner_stride()[0], start_value<Op, A>(row)));
  });
  return result;
}

template <class Op, class T, class Out>
void reduce_with(View<const T> x, int kept_axes, Out* y) {
  using A = std::conditional_t<std::is_same_v<Op, Add>, ReduceAccumulator<T>, T>;
  const StridedLoop<1> kept(kept_axes, x.size, {x.stride});
  const StridedLoop<1> reduced(x.rank - kept_axes, x.size + kept_axes, {x.stride + kept_axes});
  std::int64_t outputs = 1, inputs = 1;
  for (int axis = 0; axis < x.rank; ++axis) (axis < kept_axes ? outputs : inputs) *= x.size[axis];
  if (outputs == 0) return;
  if (inputs == 0) {
    for (std::int64_t i = 0; i < outputs; ++i) y[i] = Out{0};
    return;
  }
  if (kept.inner_stride()[0] == 1 && reduced.inner_stride()[0] != 1 && kept.size[kept.rank - 1] > 1) {
    // Outputs lie side by side in x: sum whole rows, a tile of columns at a time.
    const std::int64_t row = kept.size[kept.rank - 1];
    const std::int64_t per_thread = (row + thread_count() - 1) / thread_count();
    const std::int64_t column_tile = std::clamp(per_thread, least_column_tile, most_column_tile);
    const std::int64_t tiles = (row + column_tile - 1) / column_tile;
    const std::int64_t grain = std::max<std::int64_t>(1, elementwise_grain / (column_tile * inputs));
    parallel_for(outputs / row * tiles, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t first = task / tiles * row + task % tiles * column_tile;
        const std::int64_t width = std::min(column_tile, row - task % tiles * column_tile);
        kept.run_range(first, first + 1, [&](const auto& offset, std::int64_t) {
          const T* columns = x.data + offset[0];
          A sum[most_column_tile];
          for (std::int64_t j = 0; j < width; ++j) sum[j] = start_value<Op, A>(columns + j);
          reduced.run_range(0, inputs, [&](const auto& start, std::int64_t count) {
            add_rows<Op>(count, width, columns + start[0], reduced.inner_stride()[0], sum);
          });
          for (std::int64_t j = 0; j < width; ++j) y[first + j] = static_cast<Out>(sum[j]);
        });
      }
    });
    return;
  }
  const std::int64_t pieces = (inputs + piece_size - 1) / piece_size;
  std::vector<A> partial(static_cast<std::size_t>(pieces > 1 ? outputs * pieces : 0));
  const std::int64_t grain = std::max<std::int64_t>(1, elementwise_grain / std::min(inputs, piece_size));
  parallel_for(outputs * pieces, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t output = task / pieces, piece = task % pieces;
      kept.run_range(output, output + 1, [&](const auto& offset, std::int64_t) {
        const A value = reduce_elements<Op, A>(reduced, x.data + offset[0], piece * piece_size,
                                               std::min(inputs, (piece + 1) * piece_size));
        if (pieces > 1)
          partial[static_cast<std::size_t>(task)] = value;
        else
          y[output] = static_cast<Out>(value);
      });
    }
  });
  if (pieces == 1) return;
  for (std::int64_t output = 0; output < outputs; ++output) {
    A result = partial[static_cast<std::size_t>(output * pieces)];
    for (std::int64_t piece = 1; piece < pieces; ++piece)
      result = Op{}(result, partial[static_cast<std::size_t>(output * pieces + piece)]);
    y[output] = static_cast<Out>(result);
  }
}

}  // namespace

template <class T, class Out>
void reduce(Reduction reduction, View<const T> x, int kept_axes, Out* y) {
  if constexpr (std::is_same_v<T, bool>)
    return reduce_with<Add>(x, kept_axes, y);
  else
    switch (reduction) {
      case Reduction::sum:
        return reduce_with<Add>(x, kept_axes, y);
      case Reduction::maximum:
        return reduce_with<Maximum>(x, kept_axes, y);
      case Reduction::minimum:
        return reduce_with<Minimum>(x, kept_axes, y);
    }
}

template <class T>
void arg_reduce(Reduction reduction, View<const T> x, int kept_axes, std::int64_t* y) {
  const StridedLoop<1> kept(kept_axes, x.size, {x.stride});
  const StridedLoop<1> reduced(x.rank - kept_axes, x.size + kept_axes, {x.stride + kept_axes});
  std::int64_t outputs = 1, inputs = 1;
  for (int axis = 0; axis < x.rank; ++axis) (axis < kept_axes ? outputs : inputs) *= x.size[axis];
  const std::int64_t grain = std::max<std::int64_t>(1, elementwise_grain / std::max<std::int64_t>(inputs, 1));
  parallel_for(outputs, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t output = begin; output < end; ++output)
      kept.run_range(output, output + 1, [&](const auto& offset, std::int64_t) {
        const T* block = x.data + offset[0];
        T best = *block;
        std::int64_t winner = 0, position = 0;
        reduced.run_range(0, inputs, [&](const auto& start, std::int64_t count) {
          for (std::int64_t i = 0; i < count; ++i, ++position) {
            const T value = block[start[0] + i * reduced.inner_stride()[0]];
            if (replaces(reduction, value, best)) {
              best = value;
              winner = position;
            }
          }
        });
        y[output] = winner;
      });
  });
}

template void reduce<float, float>(Reduction, View<const float>, int, float*);
template void reduce<double, double>(Reduction, View<const double>, int, double*);
template void reduce<std::int64_t, std::int64_t>(Reduction, View<const std::int64_t>, int, std::int64_t*);
template void reduce<std::int32_t, std::int32_t>(Reduction, View<const std::int32_t>, int, std::int32_t*);
template void reduce<bool, std::int64_t>(Reduction, View<const bool>, int, std::int64_t*);
template void arg_reduce<float>(Reduction, View<const float>, int, std::int64_t*);
template void arg_reduce<double>(Reduction, View<const double>, int, std::int64_t*);
template void arg_reduce<std::int64_t>(Reduction, View<const std::int64_t>, int, std::int64_t*);
template void arg_reduce<std::int32_t>(Reduction, View<const std::int32_t>, int, std::int64_t*);

}  // namespace orbitgrad::kernels::cpu
