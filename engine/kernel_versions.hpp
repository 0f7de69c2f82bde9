// Which versions of the kernels a piece of work meets, and forcing one of them by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/device.hpp"
#include "engine/observe/observer.hpp"

namespace orbitgrad {

/// While an object of this type lives, the kernels that this thread dispatches are noted, and those that have a version
/// of the forced name run it. One at a time per thread.
class KernelVersions {
 public:
  /// `forced` as in is_meant_by (dispatch.hpp); empty forces nothing.
  explicit KernelVersions(std::string forced = {});
  ~KernelVersions();
  KernelVersions(const KernelVersions&) = delete;
  KernelVersions& operator=(const KernelVersions&) = delete;

  struct Offer {
    std::string_view name;
    bool supports;  // this problem
  };
  /// A kernel that ran, once per name; the version is empty where the cpu chose by itself.
  struct Use {
    std::string kernel, version;
    std::vector<std::string> offered;  // all versions on the device, supporting the problem or not
  };
  const std::vector<Use>& uses() const { return uses_; }
  /// Whether a kernel ran in the forced version.
  bool was_forced() const { return was_forced_; }

  static KernelVersions* current() { return current_; }

  /// Notes a dispatch that takes `automatic` (empty: the cpu's own choice) unless one of the offers is forced, and
  /// gives that one's position, else -1. Error of `op`: the forced version exists, but does not support the problem.
  int choose(std::string_view op, std::string_view kernel, DeviceKind device, const std::vector<Offer>& offers,
             std::string_view automatic);

 private:
  static inline thread_local KernelVersions* current_ = nullptr;
  const observe::Watch watch_{observe::choosing_versions};
  std::string forced_;
  std::vector<Use> uses_;
  bool was_forced_ = false;
};

}  // namespace orbitgrad
