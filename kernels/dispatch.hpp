// The registry of kernel implementations. A kernel is described by a tag type
//
//   struct GroupPoolForward {
//     using Problem = GroupPoolProblem;                                    // shapes, strides, tables
//     using Launch = void(const Problem&, const float* x, float* y);       // what an implementation looks like
//     static constexpr std::string_view name = "group_pool.forward";
//   };
//
// and each implementation registers itself with a name, a device and a predicate of what it supports, so that tests
// and benchmarks enumerate versions without a list kept by hand.
#pragma once

#include <string_view>
#include <vector>

namespace orbitgrad::kernels {

/// Where kernels run. sim_traced is the instrumented build of the sim kernels: tensors live on sim, and a launch there
/// takes the traced version while a trace is on (kernels/sim/trace.hpp).
enum class DeviceKind { cpu, cuda, sim, sim_traced };

/// Among the versions that support a problem the highest preference is taken, then the last registered.
inline constexpr int own_version = 0, library_version = 1;

template <class Kernel>
struct Implementation {
  std::string_view name;
  DeviceKind device;
  bool (*supports)(const typename Kernel::Problem&);
  typename Kernel::Launch* launch;
  int preference = own_version;
};

template <class Kernel>
class Registry {
 public:
  static std::vector<Implementation<Kernel>>& all() {
    static std::vector<Implementation<Kernel>> implementations;
    return implementations;
  }

  /// The implementation of that name if it exists on the device and supports the problem, else null.
  static const Implementation<Kernel>* find(std::string_view name, DeviceKind device,
                                            const typename Kernel::Problem& problem) {
    for (const auto& candidate : all())
      if (candidate.name == name && candidate.device == device && candidate.supports(problem)) return &candidate;
    return nullptr;
  }

  /// The best version for the problem, null if there is none: a source registers its versions from naive to best.
  static const Implementation<Kernel>* best(DeviceKind device, const typename Kernel::Problem& problem) {
    const Implementation<Kernel>* result = nullptr;
    for (const auto& candidate : all())
      if (candidate.device == device && candidate.supports(problem) &&
          (result == nullptr || candidate.preference >= result->preference))
        result = &candidate;
    return result;
  }
};

/// A namespace-scope constant of this type registers one implementation before main.
template <class Kernel>
struct Registration {
  explicit Registration(Implementation<Kernel> implementation) { Registry<Kernel>::all().push_back(implementation); }
};

}  // namespace orbitgrad::kernels
