// A problem on which all versions of a kernel are run on one device: verified against the cpu, then timed. The arrays
// exist several times and are used in turn, so that a cache does not keep them from one call to the next.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/device_memory.hpp"
#include "kernels/dispatch.hpp"

namespace orbitgrad::bench {

using kernels::DeviceKind;

/// The arrays of a case, in order, at their addresses on one device.
using Pointers = std::span<void* const>;

enum class Element { float32, float64, int64 };
template <class T>
constexpr Element element_of = std::is_same_v<T, float>    ? Element::float32
                               : std::is_same_v<T, double> ? Element::float64
                                                           : Element::int64;

struct Array {
  std::int64_t count = 0;
  Element element = Element::float32;
  bool output = false;                // compared with what the cpu makes of it
  std::function<void(void*)> fill{};  // empty: numbers in [-1, 1), integers 0

  std::int64_t bytes() const { return count * (element == Element::float32 ? 4 : 8); }
};

/// One way to compute a case.
struct Candidate {
  std::string name;
  bool library = false;  // not ours
  std::function<void(Pointers)> launch;
};

struct Cost {
  double flops, bytes;
};

struct Case {
  std::string kernel, shape;
  Cost cost;  // of the formula: arithmetic, and every array moved once
  std::vector<Array> arrays;
  std::function<void(Pointers)> on_cpu;
  std::function<std::vector<Candidate>(DeviceKind)> candidates;
  double tolerance = 1e-4;  // relative to the largest element of an output
};

/// The arrays of a case on the host and, `sets` times, on a device.
class Buffers {
 public:
  Buffers(DeviceKind device, const Case& problem);

  int sets() const { return static_cast<int>(on_device_.size()); }
  Pointers on_device(int set) const { return pointers_[static_cast<std::size_t>(set)]; }
  /// Gives set 0 its first values again, runs the candidate there and returns the largest difference from the cpu,
  /// relative to the largest element of each output; infinity where a NaN stands on one side only.
  double difference(const Candidate& candidate);

 private:
  void upload(int set);

  DeviceKind device_;
  std::vector<Array> arrays_;
  std::vector<std::vector<std::byte>> first_values_, result_;
  std::vector<std::vector<std::unique_ptr<kernels::DeviceScratch>>> on_device_;
  std::vector<std::vector<void*>> pointers_;
};

/// invoke(launch, pointers) calls a version; problem_of(pointers) decides which versions support it.
template <class Kernel, class ProblemOf, class Invoke>
Case kernel_case(std::string shape, Cost cost, std::vector<Array> arrays, typename Kernel::Launch* on_cpu,
                 ProblemOf problem_of, Invoke invoke) {
  Case result{std::string(Kernel::name), std::move(shape), cost, std::move(arrays), {}, {}};
  result.on_cpu = [=](Pointers p) { invoke(on_cpu, p); };
  result.candidates = [=, count = result.arrays.size()](DeviceKind device) {
    const std::vector<void*> none(count);
    std::vector<Candidate> candidates;
    for (const auto& version : kernels::Registry<Kernel>::all()) {
      if (version.device != device || !version.supports(problem_of(Pointers(none)))) continue;
      candidates.push_back({std::string(version.name), version.preference == kernels::library_version,
                            [=, launch = version.launch](Pointers p) { invoke(launch, p); }});
    }
    return candidates;
  };
  return result;
}

/// A kernel whose arguments are its problem and arrays; a pointer to non-const is an output. A count of 0 is null.
template <class Kernel, class... P>
Case arrays_case(std::string shape, const typename Kernel::Problem& problem, Cost cost,
                 const std::vector<std::int64_t>& counts, void (*on_cpu)(const typename Kernel::Problem&, P*...)) {
  std::vector<Array> arrays{{.element = element_of<std::remove_const_t<P>>, .output = !std::is_const_v<P>}...};
  for (std::size_t i = 0; i < arrays.size(); ++i) arrays[i].count = counts.at(i);
  const auto invoke = [problem](auto* launch, Pointers p) {
    [&]<std::size_t... i>(std::index_sequence<i...>) { launch(problem, static_cast<P*>(p[i])...); }
    (std::index_sequence_for<P...>());
  };
  return kernel_case<Kernel>(
      std::move(shape), cost, std::move(arrays), on_cpu, [problem](Pointers) { return problem; }, invoke);
}

/// The cost that a problem tells of itself, for float.
template <class Problem>
Cost cost_of(const Problem& problem) {
  return {static_cast<double>(problem.flops()), static_cast<double>(problem.bytes(4))};
}

/// All cases; full: sizes to be timed on a GPU, else small ones, which the simulator's counts are made of too.
std::vector<Case> product_cases(bool full);
std::vector<Case> memory_cases(bool full);
std::vector<Case> layer_cases(bool full);
std::vector<Case> orbit_cases(bool full);
std::vector<Case> order_cases(bool full);
std::vector<Case> linear_algebra_cases(bool full);

}  // namespace orbitgrad::bench
