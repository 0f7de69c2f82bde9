// What a watcher learns of one launch of a kernel: op, kernel, version, times, shapes, and what the kernel costs by its
// Problem's flops() and bytes(), or by its views where it has no such functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "engine/observe/observer.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/view.hpp"

namespace orbitgrad::observe {

using Clock = std::chrono::steady_clock;

struct Launch {
  static constexpr int most_arrays = 8;

  Launch(std::string_view op, std::string_view kernel, kernels::DeviceKind device);
  ~Launch();
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;

  std::string_view op, kernel, version = "cpu";
  kernels::DeviceKind device;
  double flops = 0, bytes = 0;
  std::string shapes;  // of the views: "[32, 8] [8]"
  const void* written[most_arrays] = {};
  int written_count = 0;
  Clock::time_point begin, end;

  double seconds() const { return std::chrono::duration<double>(end - begin).count(); }
};

/// Collects the costs of the arguments of a launch.
class Description {
 public:
  explicit Description(Launch& launch) : launch_(launch) {}

  template <class T>
  void argument(const kernels::View<T>& view) {
    if constexpr (!std::is_const_v<T>) write(view.data);
    add_view(view.size, view.stride, view.rank, sizeof(T));
  }
  template <class T>
  void argument(T* const& array) {
    element_size_ = sizeof(T);
    if constexpr (!std::is_const_v<T>) write(array);
  }
  /// The parameters of an optimizer's step.
  template <class Parameter>
  void argument(const std::span<const Parameter>& parameters) {
    if constexpr (requires(const Parameter& each) { each.count + sizeof(*each.parameter); })
      for (const Parameter& each : parameters) {
        count_ += each.count;
        element_size_ = sizeof(*each.parameter);
      }
  }
  template <class Other>
  void argument(const Other&) {}

  template <class Problem>
  void problem(Problem problem) {
    if constexpr (requires { problem.count = count_; })
      if (count_ > 0) problem.count = count_;
    if constexpr (requires { problem.flops(); }) launch_.flops = static_cast<double>(problem.flops());
    if constexpr (requires { problem.bytes(8); })
      launch_.bytes = static_cast<double>(problem.bytes(static_cast<int>(element_size_)));
  }

 private:
  void write(const void* array);
  void add_view(const std::int64_t* size, const std::int64_t* stride, int rank, std::size_t element_size);

  Launch& launch_;
  std::size_t element_size_ = 4;
  std::int64_t count_ = 0;
};

/// Times one launch and tells the watchers when it has ended, also by an exception.
class LaunchScope {
 public:
  explicit LaunchScope(Launch& launch);
  ~LaunchScope();
  LaunchScope(const LaunchScope&) = delete;
  LaunchScope& operator=(const LaunchScope&) = delete;
  /// Whether the end of the kernel has to be waited for on a device that runs ahead.
  static bool is_timed() { return is_watched(tracing | profiling); }

 private:
  Launch& launch_;
  bool is_inner_;
};

}  // namespace orbitgrad::observe
