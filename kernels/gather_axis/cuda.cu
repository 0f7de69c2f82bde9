#include "kernels/cuda/device.hpp"
#include "kernels/gather_axis/gather_axis.hpp"

namespace orbitgrad::kernels {
namespace {

template <class T>
__global__ void gather_kernel(GatherAxisProblem problem, const T* x, const std::int64_t* index, T* y) {
  const std::int64_t output = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  const std::int64_t inner = problem.inner, plane = problem.picks * inner;
  if (output >= problem.outer * plane) return;
  const std::int64_t pick = index[output];
  const T* from = x + output / plane * problem.size * inner;
  y[output] = pick < 0 ? T(0) : from[gather_axis_source(pick, output % inner, inner)];
}

template <class T>
void launch_gather(const GatherAxisProblem& problem, const T* x, const std::int64_t* index, T* y) {
  if (problem.output_count() == 0) return;
  launch("gather_axis.gather/thread_per_output", gather_kernel<T>,
         {.grid = blocks_for(problem.output_count(), 256), .block = 256}, problem, x, index, y);
}

const DeviceRegistration<GatherAxis> gather{"thread_per_output", launch_gather<float>, launch_gather<double>};

template <class T>
struct RegisterGather {
  RegisterGather() {
    Registration<GatherAxis<T>>(
        {"thread_per_output", this_device, [](const GatherAxisProblem&) { return true; }, launch_gather<T>});
  }
};
const RegisterGather<bool> gather_bool;
const RegisterGather<std::int32_t> gather_int32;
const RegisterGather<std::int64_t> gather_int64;

// --- Scatter. Every version adds in order of increasing k, so all give the bits of the cpu. ---

/// The formula: each element of dx looks through all picks of its column for its own.
template <class T>
__global__ void scatter_by_output_kernel(GatherAxisProblem problem, const T* dy, const std::int64_t* index, T* dx) {
  const std::int64_t target = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x, inner = problem.inner;
  if (target >= problem.input_count()) return;
  const std::int64_t place = target / inner % problem.size;
  const std::int64_t column = target / (problem.size * inner) * problem.picks * inner + target % inner;
  T sum = 0;
  for (std::int64_t k = 0; k < problem.picks; ++k)
    if (index[column + k * inner] == place) sum += dy[column + k * inner];
  dx[target] = sum;
}

template <class T>
void launch_scatter_by_output(const GatherAxisProblem& problem, const T* dy, const std::int64_t* index, T* dx) {
  if (problem.input_count() == 0) return;
  launch("gather_axis.scatter_add/thread_per_output", scatter_by_output_kernel<T>,
         {.grid = blocks_for(problem.input_count(), 256), .block = 256}, problem, dy, index, dx);
}

/// One thread walks a column [picks] once and adds into its part of dx: work of picks instead of size * picks.
template <class T>
__global__ void scatter_by_column_kernel(GatherAxisProblem problem, const T* dy, const std::int64_t* index, T* dx) {
  const std::int64_t column = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x, inner = problem.inner;
  if (column >= problem.outer * inner) return;
  const std::int64_t o = column / inner, i = column % inner;
  T* plane = dx + o * problem.size * inner;
  for (std::int64_t place = 0; place < problem.size; ++place) plane[gather_axis_source(place, i, inner)] = T(0);
  for (std::int64_t k = 0; k < problem.picks; ++k) {
    const std::int64_t from = (o * problem.picks + k) * inner + i, pick = index[from];
    if (pick >= 0) plane[gather_axis_source(pick, i, inner)] += dy[from];
  }
}

template <class T>
void launch_scatter_by_column(const GatherAxisProblem& problem, const T* dy, const std::int64_t* index, T* dx) {
  if (problem.input_count() == 0) return;
  launch("gather_axis.scatter_add/thread_per_column", scatter_by_column_kernel<T>,
         {.grid = blocks_for(problem.outer * problem.inner, 128), .block = 128}, problem, dy, index, dx);
}

// Few picks are found as fast by each output, and then all writes are dense.
bool has_many_picks(const GatherAxisProblem& problem) { return problem.picks > 4; }

constexpr int chunk = 128;

/// One block walks a column, a chunk of picks at a time: of the picks of a chunk that meet in one place, the first adds
/// them all in order.
template <class T>
__global__ void scatter_by_chunk_kernel(GatherAxisProblem problem, const T* dy, const std::int64_t* index, T* dx) {
  SIM_SHARED(place, std::int64_t[chunk]);
  SIM_SHARED(value, T[chunk]);
  const std::int64_t inner = problem.inner, o = std::int64_t{blockIdx.x} / inner, i = std::int64_t{blockIdx.x} % inner;
  const int thread = static_cast<int>(threadIdx.x);
  T* plane = dx + o * problem.size * inner;
  for (std::int64_t s = thread; s < problem.size; s += chunk) plane[gather_axis_source(s, i, inner)] = T(0);
  for (std::int64_t begin = 0; begin < problem.picks; begin += chunk) {
    const std::int64_t k = begin + thread, from = (o * problem.picks + k) * inner + i;
    place[thread] = k < problem.picks ? index[from] : -1;
    value[thread] = k < problem.picks ? dy[from] : T(0);
    __syncthreads();
    const std::int64_t mine = place[thread];
    bool first = mine >= 0;
    for (int other = 0; other < thread; ++other) first = first && place[other] != mine;
    if (first) {
      T sum = plane[gather_axis_source(mine, i, inner)];
      for (int other = thread; other < chunk; ++other)
        if (place[other] == mine) sum += value[other];
      plane[gather_axis_source(mine, i, inner)] = sum;
    }
    __syncthreads();
  }
}

template <class T>
void launch_scatter_by_chunk(const GatherAxisProblem& problem, const T* dy, const std::int64_t* index, T* dx) {
  if (problem.input_count() == 0) return;
  launch("gather_axis.scatter_add/block_per_column", scatter_by_chunk_kernel<T>,
         {.grid = static_cast<unsigned>(problem.outer * problem.inner), .block = chunk}, problem, dy, index, dx);
}

// Neighbouring columns lie side by side unless inner = 1; many of them keep a GPU busy with a thread each.
bool has_few_columns(const GatherAxisProblem& problem) {
  return problem.picks >= warp_size && (problem.inner == 1 || problem.outer * problem.inner < 4096);
}

const DeviceRegistration<ScatterAddAxis> by_output{"thread_per_output", launch_scatter_by_output<float>,
                                                   launch_scatter_by_output<double>};
const DeviceRegistration<ScatterAddAxis> by_column{"thread_per_column", launch_scatter_by_column<float>,
                                                   launch_scatter_by_column<double>, has_many_picks, has_many_picks};
const DeviceRegistration<ScatterAddAxis> by_chunk{"block_per_column", launch_scatter_by_chunk<float>,
                                                  launch_scatter_by_chunk<double>, has_few_columns, has_few_columns};

}  // namespace
}  // namespace orbitgrad::kernels
