// Watches every access of the traced build: checks it and counts it.
//
//   Trace trace;                 from here launches on sim take the traced build
//   ... launches ...
//   trace.findings()             races, reads of memory nobody wrote, leaks; a wild access also ends its launch
//   trace.launches()             what each launch did: requests, sectors, bank conflicts, bytes, barriers
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/sim/device_memory.hpp"
#include "kernels/sim/shared_memory.hpp"

namespace orbitgrad::kernels::sim {

struct Grid;
class LaneRecorder;

/// The lane whose instrumented code this thread of the machine runs now; null outside kernels.
extern thread_local constinit LaneRecorder* recording_lane;

/// Counts of one launch, of the stream of accesses in the source: not time, hit rates or occupancy.
struct LaunchCounts {
  std::string kernel;
  std::uint64_t blocks = 0, threads = 0;
  std::uint64_t global_requests = 0;                              // warp instructions on global memory
  std::uint64_t global_sectors = 0;                               // distinct 32-byte lines, summed over requests
  std::uint64_t bytes_read = 0, bytes_written = 0;                // global, as asked for by the lanes
  std::uint64_t unique_bytes_read = 0, unique_bytes_written = 0;  // global, each address once
  std::uint64_t shared_requests = 0;                              // warp instructions on shared memory
  std::uint64_t shared_wavefronts = 0;                            // passes they take: 1 a phase without bank conflicts
  std::uint64_t ideal_wavefronts = 0;                             // phases
  std::uint64_t active_lanes = 0;                                 // lanes summed over all requests
  std::uint64_t barriers = 0;                                     // per block
  std::uint64_t warp_barriers = 0, warp_operations = 0;
  std::uint64_t atomics = 0;  // lanes
  std::uint64_t mma = 0;      // warp instructions

  double sectors_per_request() const;
  double wavefronts_per_request() const;
  double lanes_per_request() const;
};

class Trace {
 public:
  /// Throws LaunchError if the traced build cannot be loaded or a trace is already on.
  Trace();
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  /// The trace that is on, or null.
  static Trace* current();
  /// Held by a traced launch and by changes of device memory: one thread of the machine at a time.
  static std::mutex& alone();

  /// One line each: "race: kernel K, block (..), thread (..), file:line: ...". Ends by listing blocks of device memory
  /// allocated since the trace began and still live.
  std::vector<std::string> findings() const;
  const std::vector<LaunchCounts>& launches() const;

  // --- What the simulator tells. ---
  /// early_write and late_write: an asynchronous copy at its start and at its wait.
  enum class Access { read, write, early_write, late_write, atomic };
  void begin_launch(Grid& grid);
  void end_launch();
  void begin_block(std::uint64_t linear_block, SharedMemory& shared);
  void end_block();
  void enter_thread(unsigned linear, const void* stack_bottom, const void* stack_top);
  void leave_thread();
  void block_barrier();
  void warp_operation(unsigned warp, unsigned mask, bool is_barrier);
  void mma();
  /// An access told by the runtime itself, for a wrapper called from that program counter at a place in the source.
  void access(const std::source_location& where, const void* program_counter, const void* address, std::size_t bytes,
              Access kind);
  /// An access told by the compiler's instrumentation, from that program counter.
  void access(const void* program_counter, const void* address, std::size_t bytes, Access kind);
  /// has_owner: somebody has to release it, else it is a leak.
  void allocated(const SimMemory::Block& block, bool has_owner);
  void released(const SimMemory::Block& block);
  void written_by_host(const void* address, std::size_t bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace orbitgrad::kernels::sim
