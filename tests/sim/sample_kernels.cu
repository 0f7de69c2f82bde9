#include "tests/sim/sample_kernels.hpp"

#include "kernels/cuda/reduce.hpp"

namespace orbitgrad::kernels::testing {
namespace {

using SampleKernel = void (*)(const float* in, float* out, int count);

__device__ int global_index() { return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); }

// --- Access patterns whose counts are known. ---

__global__ void copy(const float* in, float* out, int count) {
  const int i = global_index();
  if (i < count) out[i] = in[i];
}
template <int stride>
__global__ void strided_read(const float* in, float* out, int) {
  const int i = global_index();
  out[i] = in[i * stride];
}
__global__ void copy_float4(const float* in, float* out, int) {
  const int i = 4 * global_index();
  store(out + i, load<float4>(in + i));
}
__global__ void broadcast(const float* in, float* out, int) { out[global_index()] = in[0]; }

/// One 32x32 tile by a block of 32x32 threads; the row length decides the bank conflicts.
template <int row>
__global__ void transpose(const float* in, float* out, int) {
  SIM_SHARED(tile, float[32][row]);
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  tile[y][x] = in[y * 32 + x];
  __syncthreads();
  out[y * 32 + x] = tile[x][y];
}
__global__ void shared_broadcast(const float* in, float* out, int) {
  SIM_SHARED(value, float[32]);
  value[threadIdx.x] = in[threadIdx.x];
  __syncwarp();
  out[threadIdx.x] = value[7];
}
/// Lane i takes i + 1 turns.
__global__ void triangle(const float* in, float* out, int) {
  float sum = 0;
  for (unsigned i = 0; i <= threadIdx.x; ++i) sum += in[i];
  out[threadIdx.x] = sum;
}
/// Lanes take an inner loop of different length in every outer turn: iterations must pair by their numbers.
__global__ void nested_loops(const float* in, float* out, int) {
  float sum = 0;
  for (unsigned outer = 0; outer < 4; ++outer)
    for (unsigned inner = 0; inner < 1 + (threadIdx.x + outer) % 3; ++inner) sum += in[outer * 3 + inner];
  out[threadIdx.x] = sum;
}
__global__ void sum_by_block(const float* in, float* out, int) {
  const float sum = block_reduce(in[global_index()], SumOf{});
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}
__global__ void count_positive(const float* in, float* out, int) {
  if (in[global_index()] > 0) atomicAdd(reinterpret_cast<int*>(out), 1);
}
template <bool waits>
__global__ void staged_copy(const float* in, float* out, int) {
  SIM_SHARED(stage, float[64]);
  const int i = static_cast<int>(threadIdx.x);
  copy_async<4>(&stage[i], in + i);
  copy_async_commit();
  if (waits) copy_async_wait<0>();
  __syncthreads();
  out[i] = stage[63 - i];
}

/// Correct: a running total that one lane adds to, warp barriers between.
__global__ void running_total(const float* in, float* out, int) {
  SIM_SHARED(total, float[1]);
  if (threadIdx.x == 0) total[0] = in[0];
  for (unsigned turn = 0; turn < 4; ++turn) {
    __syncwarp();
    const float before = total[0];
    __syncwarp();
    if (threadIdx.x == 30 - turn) total[0] = before + 1;
  }
  __syncwarp();
  out[threadIdx.x] = total[0];
}
struct Pair {
  float value;
  int index;
};
/// Legal: a struct is aligned as its members are.
__global__ void odd_pair(const float* in, float* out, int) {
  const Pair pair = *reinterpret_cast<const Pair*>(in + 1 + 2 * threadIdx.x);
  out[threadIdx.x] = pair.value;
}

// --- Planted faults. ---

/// Thread 63 has read what thread 1 writes; the barrier is of warp 0 alone.
__global__ void other_warp_reads(const float* in, float* out, int) {
  SIM_SHARED(value, float[1]);
  if (threadIdx.x == 0) value[0] = in[0];
  __syncthreads();
  float seen = 0;
  if (threadIdx.x == 63 || threadIdx.x == 0) seen = value[0];
  __syncwarp();
  if (threadIdx.x == 1) value[0] = 2;
  out[threadIdx.x] = seen;
}
__global__ void set_then_count(const float*, float* out, int) {
  SIM_SHARED(count, int[1]);
  if (threadIdx.x == 0) count[0] = 0;
  atomicAdd(&count[0], 1);
  out[threadIdx.x] = 0;
}
/// A thread reads its own copy before the wait.
__global__ void read_before_wait(const float* in, float* out, int) {
  SIM_SHARED(stage, float[64]);
  copy_async<4>(&stage[threadIdx.x], in + threadIdx.x);
  copy_async_commit();
  out[threadIdx.x] = stage[threadIdx.x];
  copy_async_wait<0>();
}
__global__ void nested_launch(const float* in, float* out, int count) {
  launch("copy", copy, {.grid = 1, .block = 32}, in, out, count);
}

__global__ void read_past_end(const float* in, float* out, int count) {
  out[threadIdx.x] = in[count - 31 + static_cast<int>(threadIdx.x)];
}
__global__ void write_past_end(const float*, float* out, int count) { out[count] = 1; }
__global__ void read_host_memory(const float* in, float* out, int) { out[0] = *in; }
__global__ void shared_past_end(const float* in, float* out, int) {
  SIM_SHARED(tile, float[32]);
  tile[threadIdx.x + 1] = in[threadIdx.x];
  out[threadIdx.x] = 0;
}
__global__ void misaligned(const float* in, float* out, int) {
  out[0] = *reinterpret_cast<const float*>(reinterpret_cast<const char*>(in) + 2);
}
__global__ void misaligned_float4(const float* in, float* out, int) { out[0] = load<float4>(in + 1).x; }
__global__ void unwritten_shared(const float*, float* out, int) {
  SIM_SHARED(tile, float[32]);
  out[threadIdx.x] = tile[threadIdx.x];
}
__global__ void unwritten_global(const float*, float* out, int) { out[0] = out[1]; }
__global__ void shared_race(const float* in, float* out, int) {
  SIM_SHARED(tile, float[64]);
  tile[threadIdx.x] = in[threadIdx.x];
  out[threadIdx.x] = tile[63 - threadIdx.x];
}
/// A warp's barrier does not order two warps.
__global__ void warp_barrier_for_block(const float* in, float* out, int) {
  SIM_SHARED(tile, float[64]);
  tile[threadIdx.x] = in[threadIdx.x];
  __syncwarp();
  out[threadIdx.x] = tile[63 - threadIdx.x];
}
/// The second writing lacks a barrier after the reading.
__global__ void write_after_read(const float* in, float* out, int) {
  SIM_SHARED(tile, float[64]);
  tile[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = tile[63 - threadIdx.x];
  tile[threadIdx.x] = 0;
}
__global__ void race_between_blocks(const float*, float* out, int) {
  out[threadIdx.x] = static_cast<float>(blockIdx.x);
}
__global__ void read_of_other_block(const float*, float* out, int count) {
  const int i = global_index();
  out[i] = 1;
  __syncthreads();
  if (out[(i + static_cast<int>(blockDim.x)) % count] > 2) out[i] = 2;
}
__global__ void divergent_barrier(const float*, float* out, int) {
  if (threadIdx.x < 16) __syncthreads();
  out[threadIdx.x] = 1;
}
__global__ void two_barriers(const float*, float* out, int) {
  if (threadIdx.x < 16)
    __syncthreads();
  else
    __syncthreads();
  out[threadIdx.x] = 1;
}
__global__ void wrong_mask(const float*, float* out, int) { out[threadIdx.x] = __shfl_sync(0x0000ffffU, 1.0F, 0); }
__global__ void missing_lane(const float*, float* out, int) {
  if (threadIdx.x == 3) return;
  out[threadIdx.x] = warp_reduce(1.0F, SumOf{});
}
__global__ void too_much_shared(const float*, float* out, int) {
  SIM_SHARED(tile, float[16 * 1024]);
  tile[0] = out[0];
}

struct Sample {
  std::string_view name;
  SampleKernel kernel;
};

constexpr Sample samples[] = {
    {"copy", copy},
    {"strided_read<2>", strided_read<2>},
    {"strided_read<32>", strided_read<32>},
    {"copy_float4", copy_float4},
    {"broadcast", broadcast},
    {"transpose<32>", transpose<32>},
    {"transpose<33>", transpose<33>},
    {"shared_broadcast", shared_broadcast},
    {"triangle", triangle},
    {"nested_loops", nested_loops},
    {"sum_by_block", sum_by_block},
    {"count_positive", count_positive},
    {"staged_copy", staged_copy<true>},
    {"staged_copy_without_wait", staged_copy<false>},
    {"running_total", running_total},
    {"odd_pair", odd_pair},
    {"other_warp_reads", other_warp_reads},
    {"set_then_count", set_then_count},
    {"read_before_wait", read_before_wait},
    {"nested_launch", nested_launch},
    {"read_past_end", read_past_end},
    {"write_past_end", write_past_end},
    {"read_host_memory", read_host_memory},
    {"shared_past_end", shared_past_end},
    {"misaligned", misaligned},
    {"misaligned_float4", misaligned_float4},
    {"unwritten_shared", unwritten_shared},
    {"unwritten_global", unwritten_global},
    {"shared_race", shared_race},
    {"warp_barrier_for_block", warp_barrier_for_block},
    {"write_after_read", write_after_read},
    {"race_between_blocks", race_between_blocks},
    {"read_of_other_block", read_of_other_block},
    {"divergent_barrier", divergent_barrier},
    {"two_barriers", two_barriers},
    {"wrong_mask", wrong_mask},
    {"missing_lane", missing_lane},
    {"too_much_shared", too_much_shared},
};

}  // namespace

void launch_sample(std::string_view name, const LaunchShape& shape, const float* in, float* out, int count) {
  for (const Sample& sample : samples)
    if (sample.name == name) return launch(name, sample.kernel, shape, in, out, count);
  throw LaunchError("no such sample kernel");
}

}  // namespace orbitgrad::kernels::testing
