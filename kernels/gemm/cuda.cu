// The matrix product on a device, from one thread an element to tiles that travel while others are multiplied.
#include <limits>

#include "kernels/gemm/device_operands.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/register_tile.hpp"
#include "kernels/gemm/tensor_core_tile.hpp"

namespace orbitgrad::kernels {
namespace {

template <class T>
__device__ void write_result(const GemmProblem& p, std::int64_t batch, std::int64_t row, std::int64_t column, T sum,
                             T* c) {
  if (row >= p.m || column >= p.n) return;
  T& out = c[batch * p.batch_stride_c + row * p.ldc + column];
  out = p.accumulate ? out + sum : sum;
}

/// The formula: one thread an element of C.
template <class T>
__global__ void naive(GemmProblem p, const T* a, const T* b, T* c) {
  const std::int64_t element = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (element >= p.batch * p.m * p.n) return;
  const std::int64_t batch = element / (p.m * p.n), row = element / p.n % p.m, column = element % p.n;
  const auto from_a = operand_a(p, a, batch), from_b = operand_b(p, b, batch);
  T sum = 0;
  for (std::int64_t d = 0; d < p.k; ++d)
    sum = std::fma(from_a.data[row * from_a.outer_stride + d * from_a.depth_stride],
                   from_b.data[column * from_b.outer_stride + d * from_b.depth_stride], sum);
  write_result(p, batch, row, column, sum, c);
}

constexpr int shared_edge = 32, shared_rows = 8;  // a block of 32 x 8 threads, 4 elements each

/// A tile of A and a tile of B in shared memory: global memory is read once for 32 elements of C.
template <class T>
__global__ void shared_tile(GemmProblem p, const T* a, const T* b, T* c) {
  SIM_SHARED(tile_a, T[shared_edge][shared_edge + 1]);  // [row][depth]
  SIM_SHARED(tile_b, T[shared_edge][shared_edge + 1]);  // [depth][column]
  const auto place = TilePlace::of_block(p, shared_edge);
  const auto from_a = operand_a(p, a, place.batch), from_b = operand_b(p, b, place.batch);
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  T sum[shared_edge / shared_rows] = {};
  for (std::int32_t depth = 0; depth < p.k; depth += shared_edge) {
    for (int i = y; i < shared_edge; i += shared_rows) {  // x runs along the memory of each operand
      const int row = p.transpose_a ? x : i, d = p.transpose_a ? i : x;
      const T* element = from_a.at(from_a.outer(place.row + row), from_a.inner(depth + d));
      tile_a[row][d] = element == nullptr ? T{0} : *element;
    }
    for (int i = y; i < shared_edge; i += shared_rows) {
      const int column = p.transpose_b ? i : x, d = p.transpose_b ? x : i;
      const T* element = from_b.at(from_b.outer(place.column + column), from_b.inner(depth + d));
      tile_b[d][column] = element == nullptr ? T{0} : *element;
    }
    __syncthreads();
    for (int d = 0; d < shared_edge; ++d) {
      SIM_UNROLL
      for (int i = 0; i < shared_edge / shared_rows; ++i)
        sum[i] = std::fma(tile_a[y + i * shared_rows][d], tile_b[d][x], sum[i]);
    }
    __syncthreads();
  }
  SIM_UNROLL
  for (int i = 0; i < shared_edge / shared_rows; ++i)
    write_result(p, place.batch, place.row + y + i * shared_rows, place.column + x, sum[i], c);
}

/// 4 x 4 sums a thread: a value read from shared memory serves four products. `async`: the next tiles travel meanwhile.
template <class T, bool async>
__global__ __launch_bounds__(tile_threads) void register_tile(GemmProblem p, const T* a, const T* b, T* c) {
  const auto place = TilePlace::of_block(p, tile_edge);
  const auto from_a = operand_a(p, a, place.batch), from_b = operand_b(p, b, place.batch);
  RegisterTile<T> tile;
  if constexpr (async)
    multiply_tile_async<T>(from_a, from_b, place.row, place.column, 0, from_a.depth, tile);
  else
    multiply_tile<T>(from_a, from_b, place.row, place.column, 0, from_a.depth, tile);
  tile.for_each([&](int row, int column, T sum) {
    write_result(p, place.batch, place.row + row, place.column + column, sum, c);
  });
}

/// Tensor cores: the operands are rounded to tf32 (10 bits after the point), the sums are float.
__global__ __launch_bounds__(tile_threads) void mma_tf32(GemmProblem p, const float* a, const float* b, float* c) {
  const auto place = TilePlace::of_block(p, tile_edge);
  const auto from_a = operand_a(p, a, place.batch), from_b = operand_b(p, b, place.batch);
  TensorCoreTile<Precision::tf32> tile;
  multiply_tile_async<float, TensorCoreTile<Precision::tf32>::padding>(from_a, from_b, place.row, place.column, 0,
                                                                       from_a.depth, tile);
  tile.for_each([&](int row, int column, float sum) {
    write_result(p, place.batch, place.row + row, place.column + column, sum, c);
  });
}

bool is_empty(const GemmProblem& p) { return p.batch == 0 || p.m == 0 || p.n == 0; }

template <class T>
void launch_naive(const GemmProblem& p, const T* a, const T* b, T* c) {
  if (is_empty(p)) return;
  launch("gemm/naive", naive<T>, {.grid = blocks_for(p.batch * p.m * p.n, 128), .block = 128}, p, a, b, c);
}
template <class T>
void launch_shared_tile(const GemmProblem& p, const T* a, const T* b, T* c) {
  if (is_empty(p)) return;
  launch("gemm/shared_tile", shared_tile<T>,
         {.grid = TilePlace::blocks(p, shared_edge), .block = dim3(shared_edge, shared_rows)}, p, a, b, c);
}
template <class T>
void launch_register_tile(const GemmProblem& p, const T* a, const T* b, T* c) {
  if (is_empty(p)) return;
  launch("gemm/register_tile", register_tile<T, false>,
         {.grid = TilePlace::blocks(p, tile_edge), .block = tile_threads}, p, a, b, c);
}
template <class T>
void launch_register_tile_async(const GemmProblem& p, const T* a, const T* b, T* c) {
  if (is_empty(p)) return;
  launch("gemm/register_tile_async", register_tile<T, true>,
         {.grid = TilePlace::blocks(p, tile_edge), .block = tile_threads}, p, a, b, c);
}
void launch_mma_tf32(const GemmProblem& p, const float* a, const float* b, float* c) {
  if (is_empty(p)) return;
  launch("gemm/mma_tf32", mma_tf32, {.grid = TilePlace::blocks(p, tile_edge), .block = tile_threads}, p, a, b, c);
}

/// The tiles count rows, columns and depths in 32 bits.
bool fits_tiles(const GemmProblem& p) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max() - 2 * tile_edge;
  return p.m <= most && p.n <= most && p.k <= most;
}
/// Not exact enough to be chosen: only when asked for by name.
bool asks_for_tf32(const GemmProblem& p) { return p.implementation == "mma_tf32" && fits_tiles(p); }

const DeviceRegistration<Gemm> version_1{"naive", launch_naive<float>, launch_naive<double>};
const DeviceRegistration<Gemm> version_2{"shared_tile", launch_shared_tile<float>, launch_shared_tile<double>,
                                         fits_tiles, fits_tiles};
const DeviceRegistration<Gemm> version_3{"register_tile", launch_register_tile<float>, launch_register_tile<double>,
                                         fits_tiles, fits_tiles};
const DeviceRegistration<Gemm> version_4{"register_tile_async", launch_register_tile_async<float>,
                                         launch_register_tile_async<double>, fits_tiles, fits_tiles};
const Registration<Gemm<float>> version_5({"mma_tf32", this_device, asks_for_tf32, launch_mma_tf32});

}  // namespace
}  // namespace orbitgrad::kernels
