// Chooses the version of a kernel for a device and runs it. Checks that tensors meet on one device and have one element
// type.
#pragma once

#include <string_view>

#include "engine/kernel_versions.hpp"
#include "engine/observe/launch.hpp"
#include "engine/tensor.hpp"
#include "kernels/launch_error.hpp"

namespace orbitgrad {

/// The registry's device for tensors on `device`: the simulator takes its traced build while a trace is on.
DeviceKind device_of_versions(DeviceKind device);

/// Whether the version of that name is meant by a forced implementation: the whole name, or what comes before a slash.
/// "orbit_gather" means "orbit_gather" and the best of "orbit_gather/..." that supports the problem.
bool is_meant_by(std::string_view version, std::string_view forced);

/// The error of `op` for what a launch on the device reported.
[[noreturn]] void fail_launch(std::string_view op, DeviceKind device, const kernels::LaunchError& error);
[[noreturn]] void fail_no_version(std::string_view op, DeviceKind device, std::string_view kernel);
/// Waits for the device, so that its time counts.
void wait_for(DeviceKind device);

/// The version that the problem forces by name, if there is one that supports it, else the best; null without any.
template <class Kernel>
const kernels::Implementation<Kernel>* version_for(DeviceKind device, const typename Kernel::Problem& problem) {
  device = device_of_versions(device);
  if constexpr (requires { problem.implementation.empty(); }) {
    const kernels::Implementation<Kernel>* forced = nullptr;
    if (!problem.implementation.empty())
      for (const auto& candidate : kernels::Registry<Kernel>::all())
        if (candidate.device == device && is_meant_by(candidate.name, problem.implementation) &&
            candidate.supports(problem))
          forced = &candidate;
    if (forced != nullptr) return forced;
  }
  return kernels::Registry<Kernel>::best(device, problem);
}

/// The version to launch: that of version_for, or the one that KernelVersions forces, which notes the dispatch. Null on
/// the cpu: its own choice.
template <class Kernel>
const kernels::Implementation<Kernel>* version_to_launch(std::string_view op, DeviceKind device,
                                                         const typename Kernel::Problem& problem) {
  const kernels::Implementation<Kernel>* automatic =
      device == DeviceKind::cpu ? nullptr : version_for<Kernel>(device, problem);
  if (KernelVersions::current() == nullptr) [[likely]]
    return automatic;
  std::vector<const kernels::Implementation<Kernel>*> versions;
  std::vector<KernelVersions::Offer> offers;
  for (const auto& candidate : kernels::Registry<Kernel>::all()) {
    if (candidate.device != device_of_versions(device)) continue;
    typename Kernel::Problem asked = problem;  // what pays for large sizes only may be asked for all the same
    if constexpr (requires { asked.implementation.empty(); }) asked.implementation = candidate.name;
    versions.push_back(&candidate);
    offers.push_back({candidate.name, candidate.supports(asked)});
  }
  const int forced = KernelVersions::current()->choose(op, Kernel::name, device, offers,
                                                       automatic == nullptr ? std::string_view() : automatic->name);
  return forced < 0 ? automatic : versions[static_cast<std::size_t>(forced)];
}

/// The argument of type Problem: the one that selects the version.
template <class Problem, class First, class... Rest>
const Problem& problem_among(const First& first, const Rest&... rest) {
  if constexpr (std::is_same_v<First, Problem>)
    return first;
  else
    return problem_among<Problem>(rest...);
}

/// Launches a version; `seen` learns which, and the device is waited for, if it is not null.
template <class Kernel, class... Arguments>
void launch_version(std::string_view op, DeviceKind device, const kernels::Implementation<Kernel>* version,
                    observe::Launch* seen, const Arguments&... arguments) {
  if (version == nullptr) fail_no_version(op, device, Kernel::name);
  try {
    if (seen != nullptr) seen->version = version->name;
    version->launch(arguments...);
    if (seen != nullptr && device != DeviceKind::cpu && observe::LaunchScope::is_timed()) wait_for(device);
  } catch (const kernels::LaunchError& error) {
    fail_launch(op, device, error);
  }
}

template <class Kernel, class... Arguments>
[[gnu::noinline, gnu::cold]] void launch_seen(std::string_view op, DeviceKind device, typename Kernel::Launch* on_cpu,
                                              const Arguments&... arguments) {
  const auto& problem = problem_among<typename Kernel::Problem>(arguments...);
  const auto* version = version_to_launch<Kernel>(op, device, problem);
  observe::Launch launch(op, Kernel::name, device);
  observe::Description description(launch);
  (description.argument(arguments), ...);
  description.problem(problem);
  const observe::LaunchScope scope(launch);
  if (device == DeviceKind::cpu && version == nullptr) return on_cpu(arguments...);
  launch_version<Kernel>(op, device, version, &launch, arguments...);
}

/// Runs a kernel on arrays in the memory of `device`: `on_cpu` on the cpu, else the best registered version. Error of
/// `op`: the device has no version for this problem, or the launch failed.
template <class Kernel, class... Arguments>
void launch(std::string_view op, DeviceKind device, typename Kernel::Launch* on_cpu, const Arguments&... arguments) {
  if (observe::is_watched()) [[unlikely]]
    return launch_seen<Kernel>(op, device, on_cpu, arguments...);
  if (device == DeviceKind::cpu) return on_cpu(arguments...);
  const auto* version = version_for<Kernel>(device, problem_among<typename Kernel::Problem>(arguments...));
  launch_version<Kernel>(op, device, version, nullptr, arguments...);
}

/// Fails unless both tensors are on the same device.
inline void require_same_device(std::string_view op, const Tensor& a, const Tensor& b) {
  require(a.device() == b.device(), op, "the tensors are on {} and {}. Move them to one device.", name(a.device()),
          name(b.device()));
}

/// Fails unless both tensors are defined, on the same device and of the same dtype.
inline void require_same_kind(std::string_view op, const Tensor& a, const Tensor& b) {
  require_same_device(op, a, b);
  require(a.dtype() == b.dtype(), op, "the tensors are {} {} and {} {}. Convert one with to().", name(a.dtype()),
          a.shape(), name(b.dtype()), b.shape());
}

}  // namespace orbitgrad
