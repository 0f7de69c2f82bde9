// The product with bias and activation on a device: what a thread has summed goes through the epilogue on its way to C.
#include <limits>

#include "kernels/gemm/affine.hpp"
#include "kernels/gemm/device_operands.hpp"
#include "kernels/gemm/tensor_core_tile.hpp"

namespace orbitgrad::kernels {
namespace {

template <class T>
__device__ void write_activated(const AffineProblem& p, std::int64_t batch, std::int64_t row, std::int64_t column,
                                T sum, const T* bias_or_null, T* c) {
  if (row >= p.gemm.m || column >= p.gemm.n) return;
  const T bias = bias_or_null == nullptr ? T{0} : bias_or_null[column];
  c[batch * p.gemm.batch_stride_c + row * p.gemm.ldc + column] = activated(p.activation, sum + bias);
}

template <class T, class Tile>
__global__ __launch_bounds__(tile_threads) void affine_tile(AffineProblem p, const T* a, const T* b,
                                                            const T* bias_or_null, T* c) {
  const auto place = TilePlace::of_block(p.gemm, tile_edge);
  const auto from_a = operand_a(p.gemm, a, place.batch), from_b = operand_b(p.gemm, b, place.batch);
  Tile tile;
  multiply_tile_async<T, Tile::padding>(from_a, from_b, place.row, place.column, 0, from_a.depth, tile);
  tile.for_each([&](int row, int column, T sum) {
    write_activated(p, place.batch, place.row + row, place.column + column, sum, bias_or_null, c);
  });
}

template <class T, class Tile>
void launch_tile(std::string_view name, const AffineProblem& p, const T* a, const T* b, const T* bias_or_null, T* c) {
  if (p.gemm.batch == 0 || p.gemm.m == 0 || p.gemm.n == 0) return;
  launch(name, affine_tile<T, Tile>, {.grid = TilePlace::blocks(p.gemm, tile_edge), .block = tile_threads}, p, a, b,
         bias_or_null, c);
}
template <class T>
void launch_strict(const AffineProblem& p, const T* a, const T* b, const T* bias_or_null, T* c) {
  launch_tile<T, RegisterTile<T>>("affine/register_tile_async", p, a, b, bias_or_null, c);
}
template <Precision precision>
void launch_rounded(const AffineProblem& p, const float* a, const float* b, const float* bias_or_null, float* c) {
  launch_tile<float, TensorCoreTile<precision>>("affine/mma", p, a, b, bias_or_null, c);
}

/// The tiles count rows, columns and depths in 32 bits.
bool fits_tiles(const AffineProblem& p) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max() - 2 * tile_edge;
  return p.gemm.m <= most && p.gemm.n <= most && p.gemm.k <= most;
}
template <Precision precision>
bool asks_for(const AffineProblem& p) {
  return p.precision == precision && fits_tiles(p);
}

const DeviceRegistration<Affine> strict{"register_tile_async", launch_strict<float>, launch_strict<double>,
                                        asks_for<Precision::float32>, fits_tiles};

template <Precision precision>
void register_rounded(std::string_view name) {
  Registration<Affine<float>>({name, this_device, asks_for<precision>, launch_rounded<precision>});
}
const struct RegisterRounded {
  RegisterRounded() {
    register_rounded<Precision::tf32>("mma_tf32");
    register_rounded<Precision::bfloat16>("mma_bf16");
    register_rounded<Precision::float16>("mma_f16");
  }
} register_all;

}  // namespace
}  // namespace orbitgrad::kernels
