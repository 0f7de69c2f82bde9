// Matrix product on the CPU. Both implementations cut C into tiles by its shape alone; a tile is one thread's work.
#include "kernels/gemm/gemm.hpp"

#include <algorithm>

#include "kernels/gemm/micro_kernel.hpp"
#include "kernels/gemm/workspace.hpp"
#include "kernels/parallel.hpp"

#ifdef ORBITGRAD_HAVE_OPENBLAS
#include <cblas.h>
#endif

namespace orbitgrad::kernels::cpu {
namespace {

std::int64_t ceil_div(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }

/// Rows and columns of C that one thread computes at a time.
struct Partition {
  std::int64_t tile_m, tile_n, tiles_m, tiles_n;
};

Partition partition(const GemmProblem& problem, std::int64_t unit_m, std::int64_t unit_n) {
  constexpr double enough_work = 8e6;  // flops of a tile that repay its packing and a thread's wake-up
  constexpr std::int64_t most_m = 240, most_n = 512;
  std::int64_t tile_m = std::min(most_m, ceil_div(problem.m, unit_m) * unit_m);
  std::int64_t tile_n = std::min(most_n, ceil_div(problem.n, unit_n) * unit_n);
  const auto work = [&] {
    return 2.0 * static_cast<double>(tile_m) * static_cast<double>(tile_n) * static_cast<double>(problem.k);
  };
  while (work() > enough_work && (tile_m > 2 * unit_m || tile_n > 2 * unit_n)) {
    if (tile_n >= tile_m && tile_n > 2 * unit_n)
      tile_n = ceil_div(tile_n / 2, unit_n) * unit_n;
    else if (tile_m > 2 * unit_m)
      tile_m = ceil_div(tile_m / 2, unit_m) * unit_m;
    else
      break;
  }
  return {tile_m, tile_n, ceil_div(problem.m, tile_m), ceil_div(problem.n, tile_n)};
}

/// Calls body(batch index, first row, rows, first column, columns) for every tile, tiles spread over the threads.
template <class Body>
void for_each_tile(const GemmProblem& problem, const Partition& parts, Body&& body) {
  const std::int64_t count = problem.batch * parts.tiles_m * parts.tiles_n;
  const double work = problem.flops() / static_cast<double>(std::max<std::int64_t>(count, 1));
  const std::int64_t grain = std::max<std::int64_t>(1, static_cast<std::int64_t>(2e5 / std::max(work, 1.0)));
  parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t index = begin; index < end; ++index) {
      const std::int64_t i = index / parts.tiles_n % parts.tiles_m * parts.tile_m;
      const std::int64_t j = index % parts.tiles_n * parts.tile_n;
      body(index / (parts.tiles_m * parts.tiles_n), i, std::min(parts.tile_m, problem.m - i), j,
           std::min(parts.tile_n, problem.n - j));
    }
  });
}

/// Does what is to be done when there is nothing to add up; false if there is.
template <class T>
bool is_done_without_products(const GemmProblem& problem, T* c) {
  if (problem.batch == 0 || problem.m == 0 || problem.n == 0) return true;
  if (problem.k > 0) return false;
  if (problem.accumulate) return true;
  for (std::int64_t i = 0; i < problem.batch; ++i)
    for (std::int64_t row = 0; row < problem.m; ++row) {
      T* begin = c + i * problem.batch_stride_c + row * problem.ldc;
      std::fill(begin, begin + problem.n, T{0});
    }
  return true;
}

struct PackedA {};
struct PackedB {};

/// Panels of `width` consecutive indices: to[panel][d][width], zeros beyond `extent`; element (d, i) is
/// from[d depth_stride + i extent_stride].
template <class T>
void pack(std::int64_t extent, std::int64_t depth, std::int64_t width, const T* from, std::int64_t extent_stride,
          std::int64_t depth_stride, T* to) {
  for (std::int64_t first = 0; first < extent; first += width, to += depth * width) {
    const std::int64_t count = std::min(width, extent - first);
    const T* origin = from + first * extent_stride;
    if (extent_stride == 1) {
      for (std::int64_t d = 0; d < depth; ++d) {
        std::copy_n(origin + d * depth_stride, count, to + d * width);
        std::fill(to + d * width + count, to + (d + 1) * width, T{0});
      }
    } else {
      for (std::int64_t i = 0; i < width; ++i)
        for (std::int64_t d = 0; d < depth; ++d)
          to[d * width + i] = i < count ? origin[i * extent_stride + d * depth_stride] : T{0};
    }
  }
}

template <class T>
void blocked(const GemmProblem& problem, const T* a, const T* b, T* c) {
  if (is_done_without_products(problem, c)) return;
  constexpr std::int64_t rows = max_tile_rows, columns = tile_columns<T>, most_depth = 256;
  const Partition parts = partition(problem, rows, columns);
  const std::int64_t a_row = problem.transpose_a ? 1 : problem.lda, a_depth = problem.transpose_a ? problem.lda : 1;
  const std::int64_t b_column = problem.transpose_b ? problem.ldb : 1, b_depth = problem.transpose_b ? 1 : problem.ldb;
  for_each_tile(
      problem, parts, [&](std::int64_t batch, std::int64_t i0, std::int64_t m, std::int64_t j0, std::int64_t n) {
        const T* a_tile = a + batch * problem.batch_stride_a + i0 * a_row;
        const T* b_tile = b + batch * problem.batch_stride_b + j0 * b_column;
        T* c_tile = c + batch * problem.batch_stride_c + i0 * problem.ldc + j0;
        T* packed_a = workspace<PackedA, T>(parts.tile_m * most_depth);
        T* packed_b = workspace<PackedB, T>(parts.tile_n * most_depth);
        for (std::int64_t d0 = 0; d0 < problem.k; d0 += most_depth) {
          const std::int64_t depth = std::min(most_depth, problem.k - d0);
          const bool starts_from_zero = d0 == 0 && !problem.accumulate;
          pack(m, depth, rows, a_tile + d0 * a_depth, a_row, a_depth, packed_a);
          pack(n, depth, columns, b_tile + d0 * b_depth, b_column, b_depth, packed_b);
          for (std::int64_t j = 0; j < n; j += columns)
            for (std::int64_t i = 0; i < m; i += rows) {
              alignas(64) T tile[rows * columns];  // whole, so that border tiles run the same instructions
              const std::int64_t height = std::min(rows, m - i), width = std::min(columns, n - j);
              if (starts_from_zero || height < rows || width < columns) std::fill(tile, tile + rows * columns, T{0});
              if (!starts_from_zero)
                for (std::int64_t row = 0; row < height; ++row)
                  std::copy_n(c_tile + (i + row) * problem.ldc + j, width, tile + row * columns);
              micro_kernel<T, max_tile_rows>(depth, packed_a + i * depth, packed_b + j * depth, tile, columns);
              for (std::int64_t row = 0; row < height; ++row)
                std::copy_n(tile + row * columns, width, c_tile + (i + row) * problem.ldc + j);
            }
        }
      });
}

#ifdef ORBITGRAD_HAVE_OPENBLAS
void call_blas(const GemmProblem& p, int m, int n, const float* a, const float* b, float* c) {
  cblas_sgemm(CblasRowMajor, p.transpose_a ? CblasTrans : CblasNoTrans, p.transpose_b ? CblasTrans : CblasNoTrans, m, n,
              static_cast<int>(p.k), 1.0f, a, static_cast<int>(p.lda), b, static_cast<int>(p.ldb),
              p.accumulate ? 1.0f : 0.0f, c, static_cast<int>(p.ldc));
}
void call_blas(const GemmProblem& p, int m, int n, const double* a, const double* b, double* c) {
  cblas_dgemm(CblasRowMajor, p.transpose_a ? CblasTrans : CblasNoTrans, p.transpose_b ? CblasTrans : CblasNoTrans, m, n,
              static_cast<int>(p.k), 1.0, a, static_cast<int>(p.lda), b, static_cast<int>(p.ldb),
              p.accumulate ? 1.0 : 0.0, c, static_cast<int>(p.ldc));
}

template <class T>
void openblas(const GemmProblem& problem, const T* a, const T* b, T* c) {
  if (is_done_without_products(problem, c)) return;
  static const bool single_threaded = (openblas_set_num_threads(1), true);  // the threads are ours
  static_cast<void>(single_threaded);
  for_each_tile(problem, partition(problem, 48, 64),
                [&](std::int64_t batch, std::int64_t i, std::int64_t m, std::int64_t j, std::int64_t n) {
                  call_blas(problem, static_cast<int>(m), static_cast<int>(n),
                            a + batch * problem.batch_stride_a + i * (problem.transpose_a ? 1 : problem.lda),
                            b + batch * problem.batch_stride_b + j * (problem.transpose_b ? problem.ldb : 1),
                            c + batch * problem.batch_stride_c + i * problem.ldc + j);
                });
}

bool fits_blas(const GemmProblem& p) {
  constexpr std::int64_t most = 1LL << 30;
  return p.m < most && p.n < most && p.k < most && p.lda < most && p.ldb < most && p.ldc < most;
}
const Registration<Gemm<float>> openblas_float({"openblas", DeviceKind::cpu, fits_blas, openblas<float>});
const Registration<Gemm<double>> openblas_double({"openblas", DeviceKind::cpu, fits_blas, openblas<double>});
#endif

bool always(const GemmProblem&) { return true; }
const Registration<Gemm<float>> blocked_float({"blocked", DeviceKind::cpu, always, blocked<float>});
const Registration<Gemm<double>> blocked_double({"blocked", DeviceKind::cpu, always, blocked<double>});

}  // namespace

template <class T>
void gemm(const GemmProblem& problem, const T* a, const T* b, T* c) {
  const auto* forced = problem.implementation.empty()
                           ? nullptr
                           : Registry<Gemm<T>>::find(problem.implementation, DeviceKind::cpu, problem);
  if (forced != nullptr) return forced->launch(problem, a, b, c);
#ifdef ORBITGRAD_HAVE_OPENBLAS
  if (fits_blas(problem)) return openblas(problem, a, b, c);
#endif
  blocked(problem, a, b, c);
}

template void gemm(const GemmProblem&, const float*, const float*, float*);
template void gemm(const GemmProblem&, const double*, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
