// Matrix product on the CPU: its versions and the choice. OpenBLAS is given tiles of C, cut by the shape alone; a tile
// is one thread's work.
#include "kernels/gemm/gemm.hpp"

#include <algorithm>

#include "kernels/ceil_div.hpp"
#include "kernels/enough_work.hpp"
#include "kernels/gemm/blocked.hpp"
#include "kernels/gemm/vector.hpp"
#include "kernels/parallel.hpp"

#ifdef ORBITGRAD_HAVE_OPENBLAS
#include <cblas.h>
#endif

namespace orbitgrad::kernels::cpu {
namespace {

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

template <class T>
void blocked(const GemmProblem& problem, const T* a, const T* b, T* c) {
  if (!is_done_without_products(problem, c)) blocked_gemm(problem, a, b, c);
}

#ifdef ORBITGRAD_HAVE_OPENBLAS
/// Rows and columns of C that one thread computes at a time.
struct Partition {
  std::int64_t tile_m, tile_n, tiles_m, tiles_n;
};

Partition partition(const GemmProblem& problem, std::int64_t unit_m, std::int64_t unit_n) {
  // Each tile packs its operands anew and wakes a thread: the smaller a product, the fewer tiles repay that. Tiles are
  // whole units, so that halves may be a little more than halves.
  const double flops = problem.flops() / static_cast<double>(problem.batch);
  const int pieces = flops < 1.6e7 ? 1 : (flops < 1e8 ? 2 : (flops < 1e9 ? 4 : 8));
  const double enough_work = 1.3 * std::min(flops / pieces, 1e9);
  constexpr std::int64_t most_m = 960, most_n = 2048;
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
  const std::int64_t grain = std::max<std::int64_t>(1, static_cast<std::int64_t>(enough_flops / std::max(work, 1.0)));
  parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t index = begin; index < end; ++index) {
      const std::int64_t i = index / parts.tiles_n % parts.tiles_m * parts.tile_m;
      const std::int64_t j = index % parts.tiles_n * parts.tile_n;
      body(index / (parts.tiles_m * parts.tiles_n), i, std::min(parts.tile_m, problem.m - i), j,
           std::min(parts.tile_n, problem.n - j));
    }
  });
}

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

/// Our own packs once for many tiles. Measured with vectors of 64 bytes (docs/benchmarks.md): there OpenBLAS is ahead
/// where C has few columns.
bool openblas_is_faster(const GemmProblem& p) { return vector_bytes < 64 || p.n < 16; }

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
  if (fits_blas(problem) && openblas_is_faster(problem)) return openblas(problem, a, b, c);
#endif
  blocked(problem, a, b, c);
}

template void gemm(const GemmProblem&, const float*, const float*, float*);
template void gemm(const GemmProblem&, const double*, const double*, double*);

}  // namespace orbitgrad::kernels::cpu
