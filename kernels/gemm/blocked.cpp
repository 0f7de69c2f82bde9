#include "kernels/gemm/blocked.hpp"

#include <algorithm>

#include "kernels/ceil_div.hpp"
#include "kernels/enough_work.hpp"
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

  /// Packed panels of B stay in the second-level cache while a tile of A in the first meets one after the other: so C
  /// is walked along its rows.
  void run(std::int64_t i_begin, std::int64_t i_end, std::int64_t j_begin, std::int64_t j_end) const {
    constexpr std::int64_t columns = tile_columns<T>;
    const Product<T>& p = *product;
    if (packed_b != nullptr) {
      for (std::int64_t i = i_begin; i < i_end; i += tile_rows)
        for (std::int64_t j = j_begin; j < j_end; j += columns) tile(i, j, packed_b + j * depth, columns);
      return;
    }
    for (std::int64_t j = j_begin; j < j_end; j += columns) {
      const std::int64_t width = std::min(columns, n - j);
      const T* b = p.b + d0 * p.b_depth + (j0 + j) * p.b_column;
      std::int64_t b_row = p.b_depth;
      alignas(64) T panel[columns * most_depth];
      if (p.b_column != 1 || width != columns) {
        pack(0, 1, width, depth, columns, b, p.b_column, p.b_depth, panel);
        b = panel;
        b_row = columns;
      }
      for (std::int64_t i = i_begin; i < i_end; i += tile_rows) tile(i, j, b, b_row);
    }
  }

  static constexpr std::int64_t most_depth = 256;  // a tile of A and a panel of B fit the first-level cache

 private:
  void tile(std::int64_t i, std::int64_t j, const T* b, std::int64_t b_row) const {
    constexpr std::int64_t columns = tile_columns<T>;
    const Product<T>& p = *product;
    MicroKernel<T>* const kernel = micro_kernel_of<T>(tile_rows);
    const bool from_zero = p.from_zero && d0 == 0;
    const std::int64_t height = std::min(tile_rows, m - i), width = std::min(columns, n - j);
    T* c = p.c + (i0 + i) * p.c_row + (j0 + j) * p.c_column;
    if (height == tile_rows && width == columns && p.c_column == 1) {
      // The next tile of C arrives while this one is computed: its kernel begins by reading it.
      for (std::int64_t row = 0; row < tile_rows; ++row)
        for (std::int64_t half = 0; half < 2; ++half)
          __builtin_prefetch(c + row * p.c_row + columns + half * lanes<T>, 1);
      return kernel(depth, a(i), b, b_row, c, p.c_row, from_zero);
    }
    alignas(64) T border[max_tile_rows * columns] = {};  // whole, so that a border runs the same instructions
    for (std::int64_t row = 0; row < height && !from_zero; ++row)
      for (std::int64_t column = 0; column < width; ++column)
        border[row * columns + column] = c[row * p.c_row + column * p.c_column];
    kernel(depth, a(i), b, b_row, border, columns, false);
    for (std::int64_t row = 0; row < height; ++row)
      for (std::int64_t column = 0; column < width; ++column)
        c[row * p.c_row + column * p.c_column] = border[row * columns + column];
  }
};

/// Depth by depth, and rows of C that a packed A in the second-level cache serves: each then meets one group of columns
/// after the other, packed into what the cache has left.
template <class T>
void multiply(const Product<T>& p) {
  constexpr std::int64_t columns = tile_columns<T>, group_columns = 16 * columns;
  constexpr std::int64_t most_tiles = 96;  // of rows
  const std::int64_t row_tiles = ceil_div(p.m, max_tile_rows);
  const std::int64_t most_depth = ceil_div(p.k, ceil_div(p.k, Chunk<T>::most_depth));  // chunks alike
  Chunk<T> chunk{};
  chunk.product = &p;
  chunk.tile_rows = ceil_div(p.m, row_tiles);
  const std::int64_t rows = chunk.tile_rows, group_rows = 16 * rows;
  const std::int64_t height = ceil_div(row_tiles, ceil_div(row_tiles, most_tiles)) * rows;  // parts alike
  const bool reads_b_once = row_tiles <= 2;
  const std::int64_t most_n = reads_b_once ? p.n : group_columns;
  for (chunk.d0 = 0; chunk.d0 < p.k; chunk.d0 += most_depth) {
    const std::int64_t depth = chunk.depth = std::min(most_depth, p.k - chunk.d0);
    for (chunk.i0 = 0; chunk.i0 < p.m; chunk.i0 += height) {
      chunk.m = std::min(height, p.m - chunk.i0);
      const std::int64_t panels = ceil_div(chunk.m, rows);
      T* const packed_a = workspace<PackedA, T>(panels * rows * depth);
      pack(0, panels, chunk.m, depth, rows, p.a + chunk.d0 * p.a_depth + chunk.i0 * p.a_row, p.a_row, p.a_depth,
           packed_a);
      chunk.packed_a = packed_a;
      for (chunk.j0 = 0; chunk.j0 < p.n; chunk.j0 += most_n) {
        chunk.n = std::min(most_n, p.n - chunk.j0);
        if (!reads_b_once) {
          T* const packed_b = workspace<PackedB, T>(group_columns * depth);
          pack(0, ceil_div(chunk.n, columns), chunk.n, depth, columns,
               p.b + chunk.d0 * p.b_depth + chunk.j0 * p.b_column, p.b_column, p.b_depth, packed_b);
          chunk.packed_b = packed_b;
        }
        for (std::int64_t j = 0; j < chunk.n; j += group_columns)
          for (std::int64_t i = 0; i < chunk.m; i += group_rows)
            chunk.run(i, std::min(i + group_rows, chunk.m), j, std::min(j + group_columns, chunk.n));
      }
    }
  }
}

/// How C is cut for that many threads: each packs what it needs itself, which costs its rows and columns.
template <class T>
struct Cut {
  std::int64_t m, n;  // of a piece

  Cut(const Product<T>& p, std::int64_t threads) : m(p.m), n(p.n) {
    constexpr std::int64_t columns = tile_columns<T>, rows = max_tile_rows, packing = 32;  // multiplications an element
    const auto cost = [](std::int64_t height, std::int64_t width) {
      return height * width + packing * (height + width);
    };
    std::int64_t least = cost(m, n);
    for (std::int64_t down = 1; down <= threads; ++down) {
      const std::int64_t height = ceil_div(ceil_div(p.m, down), rows) * rows,
                         width = ceil_div(ceil_div(p.n, threads / down), columns) * columns;
      if (cost(height, width) >= least) continue;
      least = cost(height, width);
      m = height;
      n = width;
    }
  }
};

}  // namespace

template <class T>
void blocked_gemm(const GemmProblem& problem, const T* a, const T* b, T* c) {
  constexpr double enough_work = 8e6;  // that another thread repays its packing and waking
  const std::int64_t threads = thread_count();
  const double products = static_cast<double>(problem.batch), flops = problem.flops() / products;
  // Many products: one thread each. Few: all threads at each.
  const bool is_shared = problem.batch < 4 * threads && flops >= 2 * enough_work;
  if (!is_shared) {
    const auto grain = static_cast<std::int64_t>(std::min(products, enough_flops / std::max(flops, 1.0) + 1));
    parallel_for(problem.batch, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) multiply(product_of(problem, i, a, b, c));
    });
    return;
  }
  const Product<T> first = product_of(problem, 0, a, b, c);
  const Cut<T> cut(first, std::min(threads, static_cast<std::int64_t>(flops / enough_work)));
  const std::int64_t down = ceil_div(first.m, cut.m), across = ceil_div(first.n, cut.n);
  parallel_for(problem.batch * down * across, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t piece = begin; piece < end; ++piece) {
      Product<T> p = product_of(problem, piece / (down * across), a, b, c);
      const std::int64_t i = piece / across % down * cut.m, j = piece % across * cut.n;
      p.m = std::min(cut.m, p.m - i);
      p.n = std::min(cut.n, p.n - j);
      p.a += i * p.a_row;
      p.b += j * p.b_column;
      p.c += i * p.c_row + j * p.c_column;
      multiply(p);
    }
  });
}

template void blocked_gemm(const GemmProblem&, const float*, const float*, float*);
template void blocked_gemm(const GemmProblem&, const double*, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
