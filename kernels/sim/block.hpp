// One running block: its fibers, its barrier, its warps' collectives and its shared memory. What the dialect calls from
// inside a kernel comes here.
//
// A thread is a fiber that starts when it is first scheduled and runs until it must wait; threads that never wait share
// one stack, one after another. A barrier or a collective that can never be completed is a LaunchError that names the
// threads that wait and where, never a hang.
#pragma once

#include <cstddef>
#include <source_location>
#include <string>
#include <string_view>

#include "kernels/sim/vector_types.hpp"

/// CUDA's names for the position of the running thread. The scheduler sets them at every switch.
extern thread_local constinit uint3 threadIdx;
extern thread_local constinit uint3 blockIdx;
extern thread_local constinit dim3 blockDim;
extern thread_local constinit dim3 gridDim;

namespace orbitgrad::kernels::sim {

/// __syncthreads.
void block_barrier(std::source_location where);

/// Each lane of `mask` posts a pointer; the last to arrive calls all(lanes, mask) once for everyone, then all go on.
/// lanes[i] is null for a lane outside the mask. `is_barrier` marks __syncwarp, which orders memory.
void warp_collective(unsigned mask, void* mine, void (*all)(void* const* lanes, unsigned mask), bool is_barrier,
                     std::string_view operation, std::source_location where);

/// Index of the running thread in its warp.
unsigned lane_index();

/// Static shared memory: one variable per declaration, `key` tells declarations apart.
void* shared_variable(const void* key, std::size_t bytes, std::size_t alignment, std::string_view name);
/// The bytes asked for at the launch.
void* dynamic_shared_memory();

/// cp.async: moves bytes (or zeros when not `valid`) to shared memory between now and the wait for its group.
void copy_async(void* shared, const void* global, std::size_t bytes, bool valid, std::source_location where);
void copy_async_commit();
void copy_async_wait(int groups_left);

/// 8 and 16-byte accesses, which must be aligned.
void check_vector_access(const void* address, std::size_t bytes, std::source_location where);
/// The accesses themselves in the traced build: told as one, done where no instrumentation sees their halves.
void traced_load(void* value, const void* address, std::size_t bytes, std::source_location where);
void traced_store(void* address, const void* value, std::size_t bytes, std::source_location where);
/// An atomic read-modify-write: alignment, and for a trace.
void note_atomic(const void* address, std::size_t bytes, std::source_location where);
/// A tensor-core instruction, for a trace.
void note_mma();

/// Whether the calling thread of the machine runs a simulated block.
bool inside_kernel();

/// Notes what ends the launch, with the running thread and a place in the source.
void note_failure(std::string_view what, std::string_view place);
/// Leaves the running thread for good, its frames as they are: nothing that owns memory may be alive in them.
[[noreturn]] void leave_kernel();

}  // namespace orbitgrad::kernels::sim
