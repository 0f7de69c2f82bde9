// The Reynolds projection on a device. The index tables of a problem lie in host memory.
#include <algorithm>

#include "kernels/cuda/reduce.hpp"
#include "kernels/device_table.hpp"
#include "kernels/reynolds/reynolds.hpp"

namespace orbitgrad::kernels {
namespace {

/// The problem with its tables in the device's memory.
class ReynoldsOnDevice {
 public:
  explicit ReynoldsOnDevice(const ReynoldsProblem& p)
      : problem(p), out_(table(p.source_out, p.elements * p.rows)), in_(table(p.source_in, p.elements * p.cols)) {
    problem.source_out = out_.get();
    problem.source_in = in_.get();
  }
  ReynoldsProblem problem;

 private:
  static std::shared_ptr<const std::int32_t> table(const std::int32_t* source, std::int64_t count) {
    return device_table(this_device, std::span(source, static_cast<std::size_t>(count)));
  }
  std::shared_ptr<const std::int32_t> out_, in_;
};

template <class T>
__device__ T orbit_average(const ReynoldsProblem& p, const T* weight, std::int64_t row, std::int64_t col) {
  double sum = 0;
  for (std::int64_t h = 0; h < p.elements; ++h) sum += static_cast<double>(weight[reynolds_source(p, h, row, col)]);
  return static_cast<T>(sum / static_cast<double>(p.elements));
}

/// The formula: one thread an entry of P(W).
template <class T>
__global__ void project_entries(ReynoldsProblem p, const T* weight, T* projection) {
  const std::int64_t entry = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (entry < p.count()) projection[entry] = orbit_average(p, weight, entry / p.cols, entry % p.cols);
}

/// One thread an orbit of entries, the one at its lowest entry: W is read once, and the entries of an orbit get the
/// same bits, so that the projection is equivariant exactly.
template <class T>
__global__ void project_orbits(ReynoldsProblem p, const T* weight, T* projection) {
  const std::int64_t entry = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (entry >= p.count()) return;
  const std::int64_t row = entry / p.cols, col = entry % p.cols;
  for (std::int64_t h = 0; h < p.elements; ++h)
    if (reynolds_source(p, h, row, col) < entry) return;
  const T average = orbit_average(p, weight, row, col);
  for (std::int64_t h = 0; h < p.elements; ++h) projection[reynolds_source(p, h, row, col)] = average;
}

constexpr std::int64_t residual_threads = 256, most_residual_blocks = 256;

/// partial[block] = sum of its (W - P(W))^2; projection becomes the gradient.
template <class T>
__global__ void residuals(std::int64_t count, const T* weight, double scale, T* projection, double* partial) {
  double sum = 0;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count;
       i += std::int64_t{gridDim.x} * blockDim.x) {
    const double residual = static_cast<double>(weight[i]) - static_cast<double>(projection[i]);
    sum = std::fma(residual, residual, sum);
    projection[i] = static_cast<T>(2 * scale * residual);
  }
  sum = warp_reduce(sum, SumOf{});
  if (threadIdx.x % warp_size == 0) partial[(std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x) / warp_size] = sum;
}

/// value = scale sum of partial[0, count), by one warp.
__global__ void penalty_value(std::int64_t count, const double* partial, double scale, double* value) {
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < count; i += warp_size) sum += partial[i];
  sum = warp_reduce(sum, SumOf{});
  if (threadIdx.x == 0) *value = scale * sum;
}

template <class T>
void launch_project_entries(const ReynoldsProblem& p, const T* weight, T* projection) {
  if (p.count() == 0) return;
  const ReynoldsOnDevice on_device(p);
  launch("reynolds.project/entry_per_thread", project_entries<T>, {.grid = blocks_for(p.count(), 128), .block = 128},
         on_device.problem, weight, projection);
}
template <class T>
void launch_project_orbits(const ReynoldsProblem& p, const T* weight, T* projection) {
  if (p.count() == 0) return;
  const ReynoldsOnDevice on_device(p);
  launch("reynolds.project/orbit_per_thread", project_orbits<T>, {.grid = blocks_for(p.count(), 128), .block = 128},
         on_device.problem, weight, projection);
}

/// `value` lies in the device's memory, as the gradient does.
template <class T>
void launch_penalty(const ReynoldsProblem& p, const T* weight, double scale, double* value, T* gradient_or_null) {
  const std::int64_t warps_per_block = residual_threads / warp_size;
  const std::int64_t blocks = std::min<std::int64_t>(most_residual_blocks, blocks_for(p.count(), residual_threads));
  const Scratch partial(blocks * warps_per_block * static_cast<std::int64_t>(sizeof(double)));
  if (blocks > 0) {
    const Scratch projected(gradient_or_null == nullptr ? p.count() * static_cast<std::int64_t>(sizeof(T)) : 0);
    T* projection = gradient_or_null == nullptr ? projected.as<T>() : gradient_or_null;
    launch_project_orbits(p, weight, projection);
    launch("reynolds.penalty/residuals", residuals<T>,
           {.grid = static_cast<unsigned>(blocks), .block = static_cast<unsigned>(residual_threads)}, p.count(), weight,
           scale, projection, partial.as<double>());
  }
  launch("reynolds.penalty/value", penalty_value, {.grid = 1, .block = warp_size}, blocks * warps_per_block,
         partial.as<double>(), scale, value);
}

const DeviceRegistration<ReynoldsProject> project_1{"entry_per_thread", launch_project_entries<float>,
                                                    launch_project_entries<double>};
const DeviceRegistration<ReynoldsProject> project_2{"orbit_per_thread", launch_project_orbits<float>,
                                                    launch_project_orbits<double>};
const DeviceRegistration<ReynoldsPenalty> penalty{"two_sums", launch_penalty<float>, launch_penalty<double>};

}  // namespace
}  // namespace orbitgrad::kernels
