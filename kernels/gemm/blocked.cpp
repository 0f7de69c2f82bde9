#include "kernels/gemm/blocked.hpp"

#include <algorithm>

#include "kernels/ceil_div.hpp"
#include "kernels/gemm/micro_kernel.hpp"
#include "kernels/gemm/pack.hpp"
#include "kernels/gemm/workspace.hpp"
#include "kernels/parallel.hpp"

namespace orbitgrad::kernels::cpu {
namespace {

struct PackedA {};
struct PackedB {};

/// c[i c_row + j c_column] (+)= sum_d a[i a_row + d a_depth] b[d b_depth + j b_column].
template <class T>
struct Product {
  std::int64_t m, n, k;
  const T* a;
  std::int64_t a_row, a_depth;
  const T* b;
  std::int64_t b_depth, b_column;
  T* c;
  std::int64_t c_row, c_column;
  bool from_zero;
};

template <class T>
Product<T> product_of(const GemmProblem& problem, std::int64_t batch, const T* a, const T* b, T* c) {
  Product<T> p{problem.m,
               problem.n,
               problem.k,
               a + batch * problem.batch_stride_a,
               problem.lda,
               1,
               b + batch * problem.batch_stride_b,
               problem.ldb,
               1,
               c + batch * problem.batch_stride_c,
               problem.ldc,
               1,
               !problem.accumulate};
  if (problem.transpose_a) std::swap(p.a_row, p.a_depth);
  if (problem.transpose_b) std::swap(p.b_depth, p.b_column);
  // A register tile is wide: the longer side of C goes along its columns when the shorter one would not fill them.
  if (p.n < tile_columns<T> && p.m > p.n) {
    std::swap(p.m, p.n);
    std::swap(p.a, p.b);
    std::swap(p.a_row, p.b_column);
    std::swap(p.a_depth, p.b_depth);
    std::swap(p.c_row, p.c_column);
  }
  return p;
}

/// The register tiles of one depth chunk: `depth` entries from d0, rows of C from i0, columns from j0.
template <class T>
struct Chunk {
  const Product<T>* product;
  std::int64_t d0, depth, i0, m, j0, n, tile_rows;
  const T *packed_a, *packed_b;  // packed_b null: read where it is, or packed by who reads it

  const T* a(std::int64_t i) const { return packed_a + i * depth; }

  void run(std::int64_t i_begin, std::int64_t i_end, std::int64_t j_begin, std::int64_t j_end) const {
    constexpr std::int64_t columns = tile_columns<T>;
    const Product<T>& p = *product;
    MicroKernel<T>* const kernel = micro_kernel_of<T>(tile_rows);
    const bool from_zero = p.from_zero && d0 == 0;
    for (std::int64_t j = j_begin; j < j_end; j += columns) {
      const std::int64_t width = std::min(columns, n - j);
      const T* b = packed_b == nullptr ? p.b + d0 * p.b_depth + (j0 + j) * p.b_column : packed_b + j * depth;
      std::int64_t b_row = columns;
      alignas(64) T panel[columns * most_depth];
      if (packed_b == nullptr) {
        if (p.b_column == 1 && width == columns) {
          b_row = p.b_depth;
        } else {
          pack(0, 1, width, depth, columns, b, p.b_column, p.b_depth, panel);
          b = panel;
        }
      }
      for (std::int64_t i = i_begin; i < i_end; i += tile_rows) {
        const std::int64_t height = std::min(tile_rows, m - i);
        T* c = p.c + (i0 + i) * p.c_row + (j0 + j) * p.c_column;
        if (height == tile_rows && width == columns && p.c_column == 1) {
          if (from_zero)
            for (std::int64_t row = 0; row < height; ++row) std::fill_n(c + row * p.c_row, columns, T{0});
          kernel(depth, a(i), b, b_row, c, p.c_row);
          continue;
        }
        alignas(64) T tile[max_tile_rows * columns] = {};  // whole, so that a border runs the same instructions
        for (std::int64_t row = 0; row < height && !from_zero; ++row)
          for (std::int64_t column = 0; column < width; ++column)
            tile[row * columns + column] = c[row * p.c_row + column * p.c_column];
        kernel(depth, a(i), b, b_row, tile, columns);
        for (std::int64_t row = 0; row < height; ++row)
          for (std::int64_t column = 0; column < width; ++column)
            c[row * p.c_row + column * p.c_column] = tile[row * columns + column];
      }
    }
  }

  static constexpr std::int64_t most_depth = 256;  // a panel of B stays in the first-level cache
};

template <class T>
void multiply(const Product<T>& p) {
  constexpr std::int64_t columns = tile_columns<T>, most_m = 128 * max_tile_rows, most_n = 128 * columns;
  constexpr std::int64_t pack_grain = 1 << 15;  // elements
  const std::int64_t row_tiles = ceil_div(p.m, max_tile_rows);
  Chunk<T> chunk{};
  chunk.product = &p;
  chunk.tile_rows = ceil_div(p.m, row_tiles);
  const std::int64_t rows = chunk.tile_rows, group_rows = 5 * rows, group_columns = 4 * columns;
  const bool reads_b_once = row_tiles <= 2;
  for (chunk.j0 = 0; chunk.j0 < p.n; chunk.j0 += most_n) {
    chunk.n = std::min(most_n, p.n - chunk.j0);
    for (chunk.d0 = 0; chunk.d0 < p.k; chunk.d0 += Chunk<T>::most_depth) {
      const std::int64_t depth = chunk.depth = std::min(Chunk<T>::most_depth, p.k - chunk.d0);
      if (!reads_b_once) {
        const std::int64_t panels = ceil_div(chunk.n, columns);
        T* packed = workspace<PackedB, T>(panels * columns * depth);
        parallel_for(panels, ceil_div(pack_grain, columns * depth), [&](std::int64_t begin, std::int64_t end) {
          pack(begin, end, chunk.n, depth, columns, p.b + chunk.d0 * p.b_depth + chunk.j0 * p.b_column, p.b_column,
               p.b_depth, packed);
        });
        chunk.packed_b = packed;
      }
      for (chunk.i0 = 0; chunk.i0 < p.m; chunk.i0 += most_m / rows * rows) {
        chunk.m = std::min(most_m / rows * rows, p.m - chunk.i0);
        const std::int64_t panels = ceil_div(chunk.m, rows);
        T* packed = workspace<PackedA, T>(panels * rows * depth);
        parallel_for(panels, ceil_div(pack_grain, rows * depth), [&](std::int64_t begin, std::int64_t end) {
          pack(begin, end, chunk.m, depth, rows, p.a + chunk.d0 * p.a_depth + chunk.i0 * p.a_row, p.a_row, p.a_depth,
               packed);
        });
        chunk.packed_a = packed;
        const std::int64_t across = ceil_div(chunk.n, group_columns), count = ceil_div(chunk.m, group_rows) * across;
        const std::int64_t grain = ceil_div(1 << 17, group_rows * group_columns * depth);
        parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t item = begin; item < end; ++item) {
            const std::int64_t i = item / across * group_rows, j = item % across * group_columns;
            chunk.run(i, std::min(i + group_rows, chunk.m), j, std::min(j + group_columns, chunk.n));
          }
        });
      }
    }
  }
}

}  // namespace

template <class T>
void blocked_gemm(const GemmProblem& problem, const T* a, const T* b, T* c) {
  // Many products: one thread each. Few: all threads at one.
  const std::int64_t enough = 4 * thread_count();
  const std::int64_t grain = problem.batch >= enough ? 1 : problem.batch;
  parallel_for(problem.batch, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) multiply(product_of(problem, i, a, b, c));
  });
}

template void blocked_gemm(const GemmProblem&, const float*, const float*, float*);
template void blocked_gemm(const GemmProblem&, const double*, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
