// Time spent inside kernels, measured where they are dispatched: what is left of a training step is the engine's own
// cost.
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

  /// Whether the kernel that runs now is timed.
  static bool is_timing() { return in_lap_; }

  /// Runs the kernel, timed if a clock is running. Nested calls count once.
  template <class Kernel>
  static void run(Kernel&& kernel) {
    if (running_ == nullptr) return kernel();
    const Lap lap;
    kernel();
  }

 private:
  /// Stops the clock from seeing nested kernels, and adds the time when the kernel returns or throws.
  struct Lap {
    Lap() {
      running_ = nullptr;
      in_lap_ = true;
    }
    ~Lap() {
      clock->seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      running_ = clock;
      in_lap_ = false;
    }
    KernelClock* clock = running_;
    std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  };

  static inline thread_local KernelClock* running_ = nullptr;
  static inline thread_local bool in_lap_ = false;
  double seconds_ = 0;
};

}  // namespace orbitgrad
