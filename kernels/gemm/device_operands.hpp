// The operands of a GemmProblem as the tiles of register_tile.hpp read them, and which tile of C a block computes.
#pragma once

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/register_tile.hpp"

namespace orbitgrad::kernels {
inline namespace ORBITGRAD_BUILD {

/// Element (i, d) of op(A), or (d, j) of op(B) as (j, d).
template <class T>
__device__ MatrixOperand<T> operand_a(const GemmProblem& p, const T* a, std::int64_t batch) {
  return {a + batch * p.batch_stride_a, static_cast<std::int32_t>(p.m), static_cast<std::int32_t>(p.k),
          p.transpose_a ? 1 : p.lda, p.transpose_a ? p.lda : 1};
}
template <class T>
__device__ MatrixOperand<T> operand_b(const GemmProblem& p, const T* b, std::int64_t batch) {
  return {b + batch * p.batch_stride_b, static_cast<std::int32_t>(p.n), static_cast<std::int32_t>(p.k),
          p.transpose_b ? p.ldb : 1, p.transpose_b ? 1 : p.ldb};
}
/// Where the tile of this block lies; tiles of one row of tiles follow each other, so that they share A.
struct TilePlace {
  std::int64_t batch;
  std::int32_t row, column;

  static __device__ TilePlace of_block(const GemmProblem& p, int edge) {
    const std::int64_t across = (p.n + edge - 1) / edge, tiles = (p.m + edge - 1) / edge * across;
    const std::int64_t tile = blockIdx.x % tiles;
    return {blockIdx.x / tiles, static_cast<std::int32_t>(tile / across * edge),
            static_cast<std::int32_t>(tile % across * edge)};
  }
  static unsigned blocks(const GemmProblem& p, int edge) {
    return static_cast<unsigned>(p.batch * ((p.m + edge - 1) / edge) * ((p.n + edge - 1) / edge));
  }
};

}  // namespace ORBITGRAD_BUILD
}  // namespace orbitgrad::kernels
