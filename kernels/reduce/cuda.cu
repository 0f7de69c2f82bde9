#include <algorithm>
#include <bit>

#include "kernels/elementwise/device_loop.hpp"
#include "kernels/elementwise/formulas.hpp"
#include "kernels/reduce/reduce.hpp"

namespace orbitgrad::kernels {
namespace {

// --- What is reduced: a partial result starts at an element, takes elements, and is combined with others. ---

template <class T>
struct SumOperation {
  using Partial = ReduceAccumulator<T>;
  __device__ Partial start(const T*, std::int64_t) const { return 0; }
  __device__ Partial take(Partial sum, T value, std::int64_t) const { return sum + static_cast<Partial>(value); }
  __device__ Partial combine(Partial a, Partial b) const { return a + b; }
  __device__ Partial result(Partial sum) const { return sum; }
};

/// Formula is Maximum or Minimum; taking the first element twice changes nothing.
template <class T, class Formula>
struct ExtremeOperation {
  using Partial = T;
  __device__ Partial start(const T* first, std::int64_t) const { return *first; }
  __device__ Partial take(Partial best, T value, std::int64_t) const { return Formula{}(best, value); }
  __device__ Partial combine(Partial a, Partial b) const { return Formula{}(a, b); }
  __device__ Partial result(Partial best) const { return best; }
};

/// The value as wide as the position, so that copies meet no padding.
template <class T>
struct Winner {
  ReduceAccumulator<T> value;
  std::int64_t position;
};

/// Positions are taken in ascending order, so a tie leaves the first.
template <class T>
struct WinnerOperation {
  using Partial = Winner<T>;
  Reduction reduction;

  __device__ Partial start(const T* first, std::int64_t position) const {
    return {static_cast<ReduceAccumulator<T>>(*first), position};
  }
  __device__ Partial take(Partial best, T value, std::int64_t position) const {
    const auto wide = static_cast<ReduceAccumulator<T>>(value);
    return replaces(reduction, wide, best.value) ? Partial{wide, position} : best;
  }
  __device__ Partial combine(Partial a, Partial b) const {
    if (replaces(reduction, b.value, a.value)) return b;
    if (replaces(reduction, a.value, b.value)) return a;
    return a.position <= b.position ? a : b;
  }
  __device__ std::int64_t result(Partial best) const { return best.position; }
};

struct ReduceShape {
  DeviceLoop<1> kept, reduced;

  std::int64_t outputs() const { return kept.count; }
  std::int64_t inputs() const { return reduced.count; }
};

// --- Version 1, the formula: one thread per output. ---

template <class Operation, class T, class Out>
__global__ void thread_per_output_kernel(Operation operation, ReduceShape shape, const T* x, Out* y) {
  const std::int64_t output = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (output >= shape.kept.count) return;
  const T* block = x + shape.kept.offsets(output).of[0];
  auto partial = operation.start(block, 0);
  for (std::int64_t i = 0; i < shape.reduced.count; ++i)
    partial = operation.take(partial, block[shape.reduced.offsets(i).of[0]], i);
  y[output] = static_cast<Out>(operation.result(partial));
}

struct ThreadPerOutput {
  static constexpr std::string_view name = "thread_per_output";

  template <class Operation, class T, class Out>
  static void run(std::string_view kernel, Operation operation, const ReduceShape& shape, const T* x, Out* y) {
    launch(kernel, thread_per_output_kernel<Operation, T, Out>,
           {.grid = blocks_for(shape.outputs(), 128), .block = 128}, operation, shape, x, y);
  }
};

// --- Version 2: a block holds `columns` outputs with `rows` threads each, and takes one piece of the reduced range.
// ---

constexpr int block_threads = 256;

struct Tiling {
  int rows = 1, columns = 1;      // powers of two
  bool outputs_adjacent = false;  // neighbouring threads: neighbouring outputs if set, else neighbouring inputs
  std::int64_t pieces = 1, piece = 0;
};

/// Threads go along the axis that is dense in x; the range is cut where the outputs alone would leave most of a GPU
/// idle. Depends on sizes and strides only, and so do the bits of the result.
Tiling choose_tiling(const ReduceShape& shape) {
  constexpr std::int64_t enough_blocks = 512, most_pieces = 128, worth_a_thread = 16;
  const auto power_of_two = [](std::int64_t n) {
    return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(n)));
  };
  const auto divide_up = [](std::int64_t n, std::int64_t by) { return (n + by - 1) / by; };
  const std::int64_t outputs = shape.outputs(), inputs = shape.inputs();
  const auto& kept = shape.kept;
  const auto& reduced = shape.reduced;
  const bool adjacent =
      kept.stride[0][kept.rank - 1] == 1 && reduced.stride[0][reduced.rank - 1] != 1 && kept.size[kept.rank - 1] > 1;
  std::int64_t rows = block_threads;
  if (adjacent)
    rows = std::min(power_of_two(divide_up(inputs, worth_a_thread)),
                    block_threads / std::min<std::int64_t>(warp_size, power_of_two(outputs)));
  else if (inputs <= warp_size * worth_a_thread)
    rows = std::min<std::int64_t>(warp_size, power_of_two(inputs));
  const std::int64_t columns = std::min(block_threads / rows, power_of_two(outputs));
  const std::int64_t blocks = divide_up(outputs, columns);
  const std::int64_t wanted = std::clamp<std::int64_t>(
      divide_up(inputs, rows * worth_a_thread), 1, std::clamp<std::int64_t>(enough_blocks / blocks, 1, most_pieces));
  const std::int64_t piece = divide_up(inputs, wanted);
  return {static_cast<int>(rows), static_cast<int>(columns), adjacent, divide_up(inputs, piece), piece};
}

/// Writes y if the range is one piece, else partials[piece, output].
template <class Operation, class T, class Out>
__global__ void tiles_kernel(Operation operation, ReduceShape shape, Tiling tiling, const T* x,
                             typename Operation::Partial* partials, Out* y) {
  using Partial = typename Operation::Partial;
  SIM_SHARED(held, Partial[block_threads]);
  const int thread = static_cast<int>(threadIdx.x);
  const int row = tiling.outputs_adjacent ? thread / tiling.columns : thread % tiling.rows;
  const int column = tiling.outputs_adjacent ? thread % tiling.columns : thread / tiling.rows;
  const int next_row = tiling.outputs_adjacent ? tiling.columns : 1;
  const std::int64_t output = std::int64_t{blockIdx.x} / tiling.pieces * tiling.columns + column;
  const std::int64_t piece = std::int64_t{blockIdx.x} % tiling.pieces, begin = piece * tiling.piece;
  Partial partial{};
  if (output < shape.kept.count) {
    const T* block = x + shape.kept.offsets(output).of[0];
    const std::int64_t end = std::min(shape.reduced.count, begin + tiling.piece);
    partial = operation.start(block + shape.reduced.offsets(begin).of[0], begin);
    for (std::int64_t i = begin + row; i < end; i += tiling.rows)
      partial = operation.take(partial, block[shape.reduced.offsets(i).of[0]], i);
  }
  held[thread] = partial;
  for (int half = tiling.rows / 2; half > 0; half /= 2) {
    __syncthreads();
    if (row < half) held[thread] = operation.combine(held[thread], held[thread + half * next_row]);
  }
  if (row > 0 || output >= shape.kept.count) return;
  if (tiling.pieces > 1)
    partials[piece * shape.kept.count + output] = held[thread];
  else
    y[output] = static_cast<Out>(operation.result(held[thread]));
}

template <class Operation, class Out>
__global__ void combine_pieces_kernel(Operation operation, std::int64_t outputs, std::int64_t pieces,
                                      const typename Operation::Partial* partials, Out* y) {
  const std::int64_t output = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (output >= outputs) return;
  auto result = partials[output];
  for (std::int64_t piece = 1; piece < pieces; ++piece)
    result = operation.combine(result, partials[piece * outputs + output]);
  y[output] = static_cast<Out>(operation.result(result));
}

struct Tiles {
  static constexpr std::string_view name = "tiles";

  template <class Operation, class T, class Out>
  static void run(std::string_view kernel, Operation operation, const ReduceShape& shape, const T* x, Out* y) {
    using Partial = typename Operation::Partial;
    if (shape.inputs() == 0) return ThreadPerOutput::run(kernel, operation, shape, x, y);
    const std::int64_t outputs = shape.outputs();
    const Tiling tiling = choose_tiling(shape);
    const Scratch scratch(tiling.pieces > 1 ? tiling.pieces * outputs * std::int64_t{sizeof(Partial)} : 0);
    Partial* partials = scratch.as<Partial>();
    launch(kernel, tiles_kernel<Operation, T, Out>,
           {.grid = static_cast<unsigned>(blocks_for(outputs, tiling.columns) * tiling.pieces),
            .block = static_cast<unsigned>(tiling.rows * tiling.columns)},
           operation, shape, tiling, x, partials, y);
    if (tiling.pieces > 1)
      launch(kernel, combine_pieces_kernel<Operation, Out>, {.grid = blocks_for(outputs, 128), .block = 128}, operation,
             outputs, tiling.pieces, partials, y);
  }
};

// --- Launchers. ---

template <class T>
ReduceShape shape_of(const View<const T>& x, int kept_axes) {
  return {DeviceLoop<1>(StridedLoop<1>(kept_axes, x.size, {x.stride})),
          DeviceLoop<1>(StridedLoop<1>(x.rank - kept_axes, x.size + kept_axes, {x.stride + kept_axes}))};
}

template <class Version, class T, class Out>
void launch_reduce(Reduction reduction, View<const T> x, int kept_axes, Out* y) {
  const ReduceShape shape = shape_of(x, kept_axes);
  if (shape.outputs() == 0) return;
  const auto run = [&](auto operation) { Version::run(Reduce<T, Out>::name, operation, shape, x.data, y); };
  if constexpr (!std::is_same_v<T, bool>) {
    // Nothing to reduce: 0, the empty sum, as on the cpu.
    if (reduction == Reduction::maximum && shape.inputs() > 0) return run(ExtremeOperation<T, Maximum>{});
    if (reduction == Reduction::minimum && shape.inputs() > 0) return run(ExtremeOperation<T, Minimum>{});
  }
  run(SumOperation<T>{});
}

template <class Version, class T>
void launch_arg_reduce(Reduction reduction, View<const T> x, int kept_axes, std::int64_t* y) {
  const ReduceShape shape = shape_of(x, kept_axes);
  if (shape.outputs() > 0) Version::run(ArgReduce<T>::name, WinnerOperation<T>{reduction}, shape, x.data, y);
}

template <class Version>
struct RegisterReductions {
  RegisterReductions() {
    register_both<float>();
    register_both<double>();
    register_both<std::int64_t>();
    register_both<std::int32_t>();
    register_version<Reduce<bool, std::int64_t>>(Version::name, launch_reduce<Version, bool, std::int64_t>);
  }

  template <class T>
  static void register_both() {
    register_version<Reduce<T, T>>(Version::name, launch_reduce<Version, T, T>);
    register_version<ArgReduce<T>>(Version::name, launch_arg_reduce<Version, T>);
  }
};
const RegisterReductions<ThreadPerOutput> thread_per_output;
const RegisterReductions<Tiles> tiles;

}  // namespace
}  // namespace orbitgrad::kernels
