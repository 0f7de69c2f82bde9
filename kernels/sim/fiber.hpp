// Fibers: stacks that the scheduler of a simulated block switches between. A switch saves the registers a called
// function must keep and exchanges the stack pointer: ten instructions on x86-64 and aarch64, swapcontext elsewhere.
#pragma once

#include <cstddef>
#include <vector>

namespace orbitgrad::kernels::sim {

/// Where a suspended fiber (or the scheduler) goes on.
using FiberContext = void*;

/// A stack with a guard page below it. Lives as long as its pool.
struct FiberStack {
  std::byte* bottom = nullptr;
  std::byte* top = nullptr;
  bool contains(const void* address) const { return address >= bottom && address < top; }
};

/// Stacks of one worker thread, reused from block to block.
class FiberStackPool {
 public:
  FiberStackPool() = default;
  FiberStackPool(const FiberStackPool&) = delete;
  FiberStackPool& operator=(const FiberStackPool&) = delete;
  ~FiberStackPool();

  /// Throws LaunchError when the system has no memory.
  FiberStack take();
  void give_back(FiberStack stack) { free_.push_back(stack); }

 private:
  std::vector<FiberStack> free_;
  std::vector<FiberStack> all_;
};

/// A context that calls entry() on the stack when switched to. entry must never return.
FiberContext make_fiber(FiberStack stack, void (*entry)());

/// Saves this context in `from` and goes on at `to`, on the stack [bottom, top): the address sanitizer is told.
void switch_fiber(FiberContext& from, FiberContext to, FiberStack to_stack);

/// The first thing a fiber does: the stack it was switched to from.
FiberStack arrive_in_fiber();

}  // namespace orbitgrad::kernels::sim
