// Runs a grid of blocks on the host. Blocks go over threads of the machine; the CUDA threads of a block are fibers of
// one of them (block.hpp). The dialect of the .cu files calls run_grid; tests choose the schedule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/sim/vector_types.hpp"

namespace orbitgrad::kernels {

struct LaunchShape {
  dim3 grid = {};
  dim3 block = {};
  std::size_t shared_bytes = 0;  // dynamic shared memory of each block
};

namespace sim {

/// A kernel with its arguments, its type forgotten.
struct KernelCall {
  void (*run)(const void* arguments);
  const void* arguments;
  std::size_t argument_bytes;
};

/// Runs every thread of every block. Throws LaunchError for a launch the hardware would refuse and for what went wrong
/// inside: the message names kernel, block, thread and source line. `traced`: the call comes from the traced build.
void run_grid(std::string_view kernel, const LaunchShape& shape, const KernelCall& call, bool traced);

/// How a simulated run chooses among the orders the hardware may choose. The result of a correct kernel does not depend
/// on it.
struct Schedule {
  std::uint64_t seed = 0;    // order of blocks and threads: 0 ascending, 1 descending, others shuffled
  bool late_copies = false;  // copy_async moves its bytes at the wait instead of at once
};

/// While it lives, launches follow the schedule.
class ScopedSchedule {
 public:
  explicit ScopedSchedule(Schedule schedule);
  ~ScopedSchedule();
  ScopedSchedule(const ScopedSchedule&) = delete;
  ScopedSchedule& operator=(const ScopedSchedule&) = delete;

 private:
  Schedule before_;
};

/// A barrier in the source: __syncthreads or __syncwarp.
struct BarrierSite {
  std::string file;
  unsigned line = 0, column = 0;
  friend bool operator==(const BarrierSite&, const BarrierSite&) = default;
};

/// While it lives, the barriers that launches reach are collected, and one of them can be left out: a test that a
/// missing barrier is noticed.
class BarrierMutation {
 public:
  explicit BarrierMutation(std::optional<BarrierSite> left_out = std::nullopt);
  ~BarrierMutation();
  BarrierMutation(const BarrierMutation&) = delete;
  BarrierMutation& operator=(const BarrierMutation&) = delete;

  /// The sites reached so far, each once.
  static std::vector<BarrierSite> reached();
};

}  // namespace sim
}  // namespace orbitgrad::kernels
