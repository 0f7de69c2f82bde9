// The state of one launch, shared by the workers that run its blocks. Included by the simulator's sources only.
#pragma once

#include <atomic>
#include <mutex>
#include <string>

#include "kernels/sim/launch.hpp"

namespace orbitgrad::kernels::sim {

class Trace;

struct Grid {
  Grid(std::string_view name, const LaunchShape& launch_shape, const KernelCall& kernel_call, Schedule chosen,
       std::uint64_t launch_number)
      : kernel(name), shape(launch_shape), call(kernel_call), schedule(chosen), number(launch_number) {}

  std::string_view kernel;
  LaunchShape shape;
  KernelCall call;
  Schedule schedule;
  std::uint64_t number;    // of the launch in this process, from 1
  Trace* trace = nullptr;  // null: not traced

  std::atomic<bool> failed = false;
  std::mutex mutex;
  std::string message;  // of the first failure

  std::uint64_t block_count() const { return std::uint64_t{shape.grid.x} * shape.grid.y * shape.grid.z; }
  unsigned threads_per_block() const { return shape.block.x * shape.block.y * shape.block.z; }

  void fail(std::string text) {
    const std::lock_guard lock(mutex);
    if (!failed) message = std::move(text);
    failed = true;
  }
};

/// Runs one block on the calling worker. After a failure it returns early.
void run_block(Grid& grid, std::uint64_t linear_block);

/// A permutation of [0, count) chosen by the seed: 0 ascending, 1 descending, others shuffled; stream tells uses apart.
class Order {
 public:
  Order(std::uint64_t seed, std::uint64_t stream, std::uint64_t count);
  std::uint64_t operator[](std::uint64_t position) const {
    if (!shuffled_.empty()) return shuffled_[position];
    return descending_ ? count_ - 1 - position : position;
  }

 private:
  std::uint64_t count_;
  bool descending_;
  std::vector<std::uint32_t> shuffled_;
};

/// Whether a barrier is to be left out (BarrierMutation). Collects its site.
bool is_left_out(const std::source_location& where);

}  // namespace orbitgrad::kernels::sim
