// Time spent inside kernels, measured where they are dispatched: what is left of a training step is the engine's own cost.
#pragma once

#include <chrono>

namespace orbitgrad {

/// While an object of this type lives, kernels dispatched by this thread are timed. One at a time per thread.
class KernelClock {
 public:
  KernelClock() { running_ = this; }
  ~KernelClock() { running_ = nullptr; }
  KernelClock(const KernelClock&) = delete;
  KernelClock& operator=(const KernelClock&) = delete;

  double seconds() const { return seconds_; }

  /// Runs the kernel, timed if a clock is running. Nested calls count once.
  template <class Kernel>
  static void run(Kernel&& kernel) {
    KernelClock* clock = running_;
    if (clock == nullptr) return kernel();
    running_ = nullptr;
    const auto start = std::chrono::steady_clock::now();
    kernel();
    clock->seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    running_ = clock;
  }

 private:
  static inline thread_local KernelClock* running_ = nullptr;
  double seconds_ = 0;
};

}  // namespace orbitgrad
