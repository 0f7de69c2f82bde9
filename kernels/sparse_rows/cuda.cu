#include "kernels/cuda/device.hpp"
#include "kernels/cuda/reduce.hpp"
#include "kernels/sparse_rows/sparse_rows.hpp"

namespace orbitgrad::kernels {
namespace {

// --- Take ---

template <class T>
__global__ void take_kernel(TakeRowsProblem p, const T* x, const std::int64_t* index, T* y) {
  const std::int64_t output = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (output >= p.output_count()) return;
  const std::int64_t row = output / p.inner, pick = index[row % p.picks];
  y[output] = pick < 0 ? T(0) : x[(row / p.picks * p.size + pick) * p.inner + output % p.inner];
}

template <class T>
void launch_take(const TakeRowsProblem& p, const T* x, const std::int64_t* index, T* y) {
  if (p.output_count() == 0) return;
  launch("sparse_rows.take/thread_per_output", take_kernel<T>,
         {.grid = blocks_for(p.output_count(), 256), .block = 256}, p, x, index, y);
}

template <class T>
struct RegisterTake {
  RegisterTake() {
    Registration<TakeRows<T>>(
        {"thread_per_output", this_device, [](const TakeRowsProblem&) { return true; }, launch_take<T>});
  }
};
const RegisterTake<float> take_float;
const RegisterTake<double> take_double;
const RegisterTake<bool> take_bool;
const RegisterTake<std::int32_t> take_int32;
const RegisterTake<std::int64_t> take_int64;

// --- Product ---

/// A sparse matrix as a kernel reads it.
template <class T>
struct SparseValues {
  const std::int64_t* offset;
  const std::int64_t* column;
  const std::int64_t* slot_or_null;
  const T* value_or_null;

  __device__ double operator()(std::int64_t k) const {
    if (value_or_null == nullptr) return 1;
    return static_cast<double>(value_or_null[slot_or_null == nullptr ? k : slot_or_null[k]]);
  }
};

/// The formula: neighbouring threads read neighbouring elements of a row of x when inner > 1.
template <class T>
__global__ void product_by_thread(SparseRowsProblem p, SparseValues<T> matrix, const T* x, T* y) {
  const std::int64_t output = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (output >= p.output_count()) return;
  const std::int64_t i = output % p.inner, row = output / p.inner, r = row % p.rows;
  const T* plane = x + row / p.rows * p.columns * p.inner + i;
  double sum = 0;
  for (std::int64_t k = matrix.offset[r]; k < matrix.offset[r + 1]; ++k)
    sum += matrix(k) * static_cast<double>(plane[matrix.column[k] * p.inner]);
  y[output] = static_cast<T>(sum);
}

template <class T>
void launch_product_by_thread(const SparseRowsProblem& p, const std::int64_t* offset, const std::int64_t* column,
                              const std::int64_t* slot_or_null, const T* value_or_null, const T* x, T* y) {
  if (p.output_count() == 0) return;
  launch("sparse_rows.product/thread_per_output", product_by_thread<T>,
         {.grid = blocks_for(p.output_count(), 256), .block = 256}, p,
         SparseValues<T>{offset, column, slot_or_null, value_or_null}, x, y);
}

/// The lanes of a warp share the entries of a long row: lane l takes every 32nd from l, then a butterfly.
template <class T>
__global__ void product_by_warp(SparseRowsProblem p, SparseValues<T> matrix, const T* x, T* y) {
  const std::int64_t output = (std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) / warp_size;
  if (output >= p.output_count()) return;
  const std::int64_t i = output % p.inner, row = output / p.inner, r = row % p.rows;
  const T* plane = x + row / p.rows * p.columns * p.inner + i;
  double sum = 0;
  for (std::int64_t k = matrix.offset[r] + threadIdx.x % warp_size; k < matrix.offset[r + 1]; k += warp_size)
    sum += matrix(k) * static_cast<double>(plane[matrix.column[k] * p.inner]);
  sum = warp_reduce(sum, SumOf{});
  if (threadIdx.x % warp_size == 0) y[output] = static_cast<T>(sum);
}

template <class T>
void launch_product_by_warp(const SparseRowsProblem& p, const std::int64_t* offset, const std::int64_t* column,
                            const std::int64_t* slot_or_null, const T* value_or_null, const T* x, T* y) {
  if (p.output_count() == 0) return;
  launch("sparse_rows.product/warp_per_output", product_by_warp<T>,
         {.grid = blocks_for(p.output_count() * warp_size, 256), .block = 256}, p,
         SparseValues<T>{offset, column, slot_or_null, value_or_null}, x, y);
}

// A GPU is kept busy by threads alone from some ten thousand outputs on.
bool has_few_long_rows(const SparseRowsProblem& p) {
  return p.rows > 0 && p.entries / p.rows >= 2 * warp_size && p.output_count() < 65536;
}

const DeviceRegistration<SparseProduct> by_thread{"thread_per_output", launch_product_by_thread<float>,
                                                  launch_product_by_thread<double>};
const DeviceRegistration<SparseProduct> by_warp{"warp_per_output", launch_product_by_warp<float>,
                                                launch_product_by_warp<double>, has_few_long_rows, has_few_long_rows};

// --- Extremes ---

template <class T>
__global__ void arg_extreme_kernel(SparseRowsProblem p, const std::int64_t* offset, const std::int64_t* column,
                                   const T* x, std::int64_t* position) {
  const std::int64_t output = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (output >= p.output_count()) return;
  const std::int64_t i = output % p.inner, row = output / p.inner, r = row % p.rows;
  const T* plane = x + row / p.rows * p.columns * p.inner + i;
  std::int64_t best = -1;
  T best_value = 0;
  for (std::int64_t k = offset[r]; k < offset[r + 1]; ++k) {
    const T value = plane[column[k] * p.inner];
    if (best < 0 || beats(p.minimum, value, best_value)) {
      best = column[k];
      best_value = value;
    }
  }
  position[output] = best;
}

template <class T>
void launch_arg_extreme(const SparseRowsProblem& p, const std::int64_t* offset, const std::int64_t* column, const T* x,
                        std::int64_t* position) {
  if (p.output_count() == 0) return;
  launch("sparse_rows.arg_extreme/thread_per_output", arg_extreme_kernel<T>,
         {.grid = blocks_for(p.output_count(), 256), .block = 256}, p, offset, column, x, position);
}

const DeviceRegistration<SparseArgExtreme> arg_extreme{"thread_per_output", launch_arg_extreme<float>,
                                                       launch_arg_extreme<double>};

}  // namespace
}  // namespace orbitgrad::kernels
