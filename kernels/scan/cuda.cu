#include "kernels/cuda/device.hpp"
#include "kernels/scan/scan.hpp"

namespace orbitgrad::kernels {
namespace {

/// The formula: a thread walks its column. Neighbouring threads read neighbouring elements when inner > 1.
template <class T>
__global__ void scan_by_thread(ScanProblem p, const T* x, T* y) {
  const std::int64_t column = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (column >= p.outer * p.inner) return;
  const std::int64_t start = column / p.inner * p.size * p.inner + column % p.inner;
  ScanAccumulator<T> sum = 0;
  for (std::int64_t s = 0; s < p.size; ++s) {
    const std::int64_t at = start + p.place(s) * p.inner;
    sum += static_cast<ScanAccumulator<T>>(x[at]);
    y[at] = static_cast<T>(sum);
  }
}

template <class T>
void launch_by_thread(const ScanProblem& p, const T* x, T* y) {
  if (p.count() == 0) return;
  launch("scan.cumulative_sum/thread_per_column", scan_by_thread<T>,
         {.grid = blocks_for(p.outer * p.inner, 128), .block = 128}, p, x, y);
}

constexpr int chunk = 256, warps = chunk / warp_size;

/// A block walks a column, a chunk at a time: each warp scans its 32 elements by shuffles, then adds what came before.
template <class T>
__global__ void scan_by_block(ScanProblem p, const T* x, T* y) {
  using A = ScanAccumulator<T>;
  SIM_SHARED(total, A[warps]);
  const std::int64_t column = blockIdx.x;
  const std::int64_t start = column / p.inner * p.size * p.inner + column % p.inner;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % warp_size, warp = thread / warp_size;
  A before = 0;
  for (std::int64_t begin = 0; begin < p.size; begin += chunk) {
    const std::int64_t s = begin + thread, at = start + p.place(s) * p.inner;
    A sum = s < p.size ? static_cast<A>(x[at]) : A(0);
    for (int distance = 1; distance < warp_size; distance *= 2) {
      const A lower = __shfl_up_sync(full_warp, sum, static_cast<unsigned>(distance));
      if (lane >= distance) sum += lower;
    }
    if (lane == warp_size - 1) total[warp] = sum;
    __syncthreads();
    A offset = before;
    for (int w = 0; w < warps; ++w) {
      if (w == warp) offset = before;
      before += total[w];
    }
    if (s < p.size) y[at] = static_cast<T>(offset + sum);
    __syncthreads();
  }
}

template <class T>
void launch_by_block(const ScanProblem& p, const T* x, T* y) {
  if (p.count() == 0) return;
  launch("scan.cumulative_sum/block_per_column", scan_by_block<T>,
         {.grid = static_cast<unsigned>(p.outer * p.inner), .block = chunk}, p, x, y);
}

// Neighbouring columns lie side by side unless inner = 1; many of them keep a GPU busy with a thread each.
bool has_few_columns(const ScanProblem& p) {
  return p.size >= chunk && p.outer * p.inner < (p.inner == 1 ? 1 << 30 : 4096);
}

const DeviceRegistration<CumulativeSum> by_thread{"thread_per_column", launch_by_thread<float>,
                                                  launch_by_thread<double>};
const DeviceRegistration<CumulativeSum> by_block{"block_per_column", launch_by_block<float>, launch_by_block<double>,
                                                 has_few_columns, has_few_columns};

const Registration<CumulativeSum<std::int64_t>> by_thread_int64({"thread_per_column", this_device,
                                                                 [](const ScanProblem&) { return true; },
                                                                 launch_by_thread<std::int64_t>});
const Registration<CumulativeSum<std::int64_t>> by_block_int64({"block_per_column", this_device, has_few_columns,
                                                                launch_by_block<std::int64_t>});

}  // namespace
}  // namespace orbitgrad::kernels
