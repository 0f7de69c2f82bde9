// One block's tile of a matrix product on a device, sum[i, j] += sum_d A[i, d] B[d, j]: the operands pass through
// shared memory, tile_depth at a time, and each of the 256 threads keeps 4 x 4 sums in registers. An operand is
// anything that can tell where its elements lie, so that a convolution is a product whose columns are gathered on the
// way. Volkov and Demmel, "Benchmarking GPUs to tune dense linear algebra" (SC 2008).
#pragma once

#include <cmath>

#include "kernels/cuda/device.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

inline constexpr int tile_edge = 64, tile_depth = 16, tile_threads = 256, thread_edge = 4;
inline constexpr int copies_per_thread = tile_edge * tile_depth / tile_threads;

/// [depth][row of A or column of B]. The padding keeps rows aligned to 16 bytes and spreads a column over the banks.
template <class T, int padding = 4>
struct alignas(16) OperandTile {
  T at[tile_depth][tile_edge + padding];
};

/// A dense matrix as an operand: element (i, d), i the row of A or the column of B, is data[i outer_stride + d
/// depth_stride]. Every operand has these members; `at` is null where the product shall read a zero.
template <class T>
struct MatrixOperand {
  using Outer = std::int64_t;
  using Inner = std::int64_t;

  const T* data;
  std::int32_t outer_size, depth;
  std::int64_t outer_stride, depth_stride;

  /// Whether neighbours along the depth are neighbours in memory: then the threads of a warp copy along it.
  __device__ bool along_depth() const { return depth_stride == 1; }
  __device__ Outer outer(std::int32_t i) const { return i < outer_size ? i * outer_stride : -1; }
  __device__ Inner inner(std::int32_t d) const { return d < depth ? d * depth_stride : -1; }
  __device__ const T* at(Outer i, Inner d) const { return i < 0 || d < 0 ? nullptr : data + i + d; }
};

/// Copies of one operand: which elements of each tile this thread brings to shared memory.
template <class T, class Operand>
class OperandCopy {
 public:
  __device__ OperandCopy(const Operand& operand, std::int32_t first) : operand_(operand) {
    const auto thread = static_cast<std::int32_t>(threadIdx.x);
    SIM_UNROLL
    for (int i = 0; i < copies_per_thread; ++i)
      outer_[i] = operand.outer(
          first + (operand.along_depth() ? thread / tile_depth + i * (tile_threads / tile_depth) : thread % tile_edge));
  }

  /// Elements [depth, depth + tile_depth). async: the bytes arrive later, with the group they are committed to.
  template <bool async, int padding>
  __device__ void copy(std::int32_t depth, OperandTile<T, padding>& tile) const {
    const auto thread = static_cast<std::int32_t>(threadIdx.x);
    if (operand_.along_depth()) {
      const std::int32_t d = thread % tile_depth, row = thread / tile_depth;
      const auto inner = operand_.inner(depth + d);
      SIM_UNROLL
      for (int i = 0; i < copies_per_thread; ++i)
        copy_element<async>(&tile.at[d][row + i * (tile_threads / tile_depth)], operand_.at(outer_[i], inner));
    } else {
      SIM_UNROLL
      for (int i = 0; i < copies_per_thread; ++i) {
        const std::int32_t d = thread / tile_edge + i * (tile_threads / tile_edge);
        copy_element<async>(&tile.at[d][thread % tile_edge], operand_.at(outer_[i], operand_.inner(depth + d)));
      }
    }
  }

 private:
  template <bool async>
  __device__ void copy_element(T* to, const T* from) const {
    if constexpr (async)
      copy_async<sizeof(T)>(to, from == nullptr ? operand_.data : from, from != nullptr);
    else
      *to = from == nullptr ? T{0} : *from;
  }

  const Operand& operand_;
  typename Operand::Outer outer_[copies_per_thread];
};

__device__ __forceinline__ void load_four(const float* from, float (&to)[4]) {
  const auto values = load<float4>(from);
  to[0] = values.x, to[1] = values.y, to[2] = values.z, to[3] = values.w;
}
__device__ __forceinline__ void load_four(const double* from, double (&to)[4]) {
  const auto low = load<double2>(from), high = load<double2>(from + 2);
  to[0] = low.x, to[1] = low.y, to[2] = high.x, to[3] = high.y;
}

/// The 4 x 4 sums of one thread. Rows and columns of the thread: 4 (thread / 16) and 4 (thread % 16) onwards.
template <class T>
struct RegisterTile {
  static constexpr int padding = 4;
  static constexpr int blocks_at_least = 1;  // that shall fit a multiprocessor
  T sum[thread_edge][thread_edge] = {};

  static __device__ int first_row() { return static_cast<int>(threadIdx.x) / (tile_edge / thread_edge) * thread_edge; }
  static __device__ int first_column() {
    return static_cast<int>(threadIdx.x) % (tile_edge / thread_edge) * thread_edge;
  }
  __device__ void add(const OperandTile<T, padding>& a, const OperandTile<T, padding>& b) {
    SIM_UNROLL
    for (int d = 0; d < tile_depth; ++d) {
      T from_a[thread_edge], from_b[thread_edge];
      load_four(&a.at[d][first_row()], from_a);
      load_four(&b.at[d][first_column()], from_b);
      SIM_UNROLL
      for (int i = 0; i < thread_edge; ++i) {
        SIM_UNROLL
        for (int j = 0; j < thread_edge; ++j) sum[i][j] = std::fma(from_a[i], from_b[j], sum[i][j]);
      }
    }
  }

  /// visit(row in the tile, column in the tile, sum) for the sums of this thread.
  template <class Visit>
  __device__ void for_each(Visit&& visit) const {
    SIM_UNROLL
    for (int i = 0; i < thread_edge; ++i) {
      SIM_UNROLL
      for (int j = 0; j < thread_edge; ++j) visit(first_row() + i, first_column() + j, sum[i][j]);
    }
  }
};

/// Adds the depths [begin, end) of the tile at (row, column) to `result`, which has a member add(tile of a, tile of b).
/// All 256 threads of the block must call, once a kernel.
template <class T, int padding = 4, class A, class B, class Result>
__device__ void multiply_tile(const A& a, const B& b, std::int32_t row, std::int32_t column, std::int32_t begin,
                              std::int32_t end, Result& result) {
  SIM_SHARED(tile_a, OperandTile<T, padding>);
  SIM_SHARED(tile_b, OperandTile<T, padding>);
  const OperandCopy<T, A> copy_a(a, row);
  const OperandCopy<T, B> copy_b(b, column);
  for (std::int32_t depth = begin; depth < end; depth += tile_depth) {
    copy_a.template copy<false>(depth, tile_a);
    copy_b.template copy<false>(depth, tile_b);
    __syncthreads();
    result.add(tile_a, tile_b);
    __syncthreads();
  }
}

/// The same with two tiles of each operand: the next ones travel while the present ones are multiplied.
template <class T, int padding = 4, class A, class B, class Result>
__device__ void multiply_tile_async(const A& a, const B& b, std::int32_t row, std::int32_t column, std::int32_t begin,
                                    std::int32_t end, Result& result) {
  SIM_SHARED(tiles_a, OperandTile<T, padding>[2]);
  SIM_SHARED(tiles_b, OperandTile<T, padding>[2]);
  if (begin >= end) return;
  const OperandCopy<T, A> copy_a(a, row);
  const OperandCopy<T, B> copy_b(b, column);
  copy_a.template copy<true>(begin, tiles_a[0]);
  copy_b.template copy<true>(begin, tiles_b[0]);
  copy_async_commit();
  int present = 0;
  for (std::int32_t depth = begin; depth < end; depth += tile_depth, present = 1 - present) {
    copy_async_wait<0>();
    __syncthreads();  // the present tiles are complete, and nobody reads the other ones any more
    if (depth + tile_depth < end) {
      copy_a.template copy<true>(depth + tile_depth, tiles_a[1 - present]);
      copy_b.template copy<true>(depth + tile_depth, tiles_b[1 - present]);
      copy_async_commit();
    }
    result.add(tiles_a[present], tiles_b[present]);
  }
}

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
