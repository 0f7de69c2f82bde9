// Runs every version of a kernel that is registered for a device with memory of its own (sim, and cuda where there is a
// GPU) and holds it against a reference. On sim each version runs under four schedules, with early and late copies, and
// once traced: all bits must agree and the trace must find nothing.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "kernels/device_memory.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/half.hpp"
#include "kernels/launch_error.hpp"
#include "kernels/sim/launch.hpp"
#include "kernels/sim/trace.hpp"

namespace orbitgrad::kernels::testing {

/// An array in the memory of a device.
template <class T>
class DeviceArray {
 public:
  DeviceArray(DeviceKind device, std::span<const T> values) : DeviceArray(device, values.size()) {
    memory_->copy_to_device(data_, values.data(), bytes());
  }
  /// Not written: reading it before a kernel has written it is a finding.
  DeviceArray(DeviceKind device, std::size_t count)
      : memory_(device_memory(device)), count_(count), data_(static_cast<T*>(memory_->allocate(bytes()))) {}
  ~DeviceArray() { memory_->release(data_, bytes()); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() { return data_; }
  std::vector<T> to_host() const {
    std::vector<T> values(count_);
    memory_->synchronize();
    memory_->copy_to_host(values.data(), data_, bytes());
    return values;
  }

 private:
  std::int64_t bytes() const { return static_cast<std::int64_t>(count_ * sizeof(T)); }

  DeviceMemory* memory_;
  std::size_t count_;
  T* data_;
};

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

template <class T>
void expect_near(const std::vector<T>& actual, const std::vector<T>& expected, double tolerance,
                 const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  double scale = 0;
  for (const T value : expected)
    if (std::isfinite(static_cast<double>(value))) scale = std::max(scale, std::abs(static_cast<double>(value)));
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const auto a = static_cast<double>(actual[i]), e = static_cast<double>(expected[i]);
    if (a == e || (std::isnan(a) && std::isnan(e))) continue;
    ASSERT_LE(std::abs(a - e), tolerance * std::max(scale, 1e-30))
        << what << ", element " << i << ": " << a << " for " << e;
  }
}

/// The version comes by value: loading the traced build moves the registry.
/// run(implementation): uploads, launches, and returns what the version computed (all outputs one after another).
template <class Kernel, class Run>
auto run_checked(const Implementation<Kernel> version, const typename Kernel::Problem& problem, Run&& run) {
  const std::string what = std::string(Kernel::name) + "/" + std::string(version.name);
  const auto result = run(version);
  if (version.device == DeviceKind::cuda) {
    EXPECT_TRUE(same_bits(result, run(version))) << what << ": two runs differ";
    return result;
  }
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const sim::ScopedSchedule schedule({seed, seed % 2 == 1});
    EXPECT_TRUE(same_bits(result, run(version))) << what << ": the result depends on the schedule, seed " << seed;
  }
  const sim::Trace trace;
  const auto* traced = Registry<Kernel>::find(version.name, DeviceKind::sim_traced, problem);
  EXPECT_NE(traced, nullptr) << what << " is not in the traced build";
  if (traced != nullptr) {
    EXPECT_TRUE(same_bits(result, run(*traced))) << what << ": traced, the result differs";
  }
  for (const std::string& finding : trace.findings()) ADD_FAILURE() << what << ": " << finding;
  return result;
}

/// Of a library's product of float operands at a precision that is not float32: it may round them its own way, or less
/// than it may.
inline double library_tolerance(Precision precision) { return precision == Precision::bfloat16 ? 3e-2 : 3e-3; }

/// Holds every version that supports the problem against `expected`; tolerance is relative to its largest element.
/// library_tolerance: for versions of libraries, where they may compute something else than ours do, else that of ours.
template <class Kernel, class Run, class T>
void check_every_version(const typename Kernel::Problem& problem, Run&& run, const std::vector<T>& expected,
                         double tolerance, double library_tolerance = 0) {
  int versions = 0;
  const auto known = Registry<Kernel>::all();  // a copy: the traced build registers more when it is loaded
  for (const auto& version : known) {
    if (version.device != DeviceKind::sim && version.device != DeviceKind::cuda) continue;
    if (device_memory(version.device) == nullptr || !version.supports(problem)) continue;
    ++versions;
    const bool is_apart = version.preference == library_version && library_tolerance > 0;
    expect_near(run_checked<Kernel>(version, problem, run), expected, is_apart ? library_tolerance : tolerance,
                std::string(Kernel::name) + "/" + std::string(version.name));
  }
  EXPECT_GT(versions, 0) << Kernel::name << " has no version for a device";
}

/// Leaves out each barrier of each version in turn: a trace or the result must notice.
template <class Kernel, class Run>
void check_barriers_are_needed(const typename Kernel::Problem& problem, Run&& run) {
  { const sim::Trace load; }  // so that the traced versions are registered
  const auto known = Registry<Kernel>::all();
  for (const auto& version : known) {
    if (version.device != DeviceKind::sim_traced || !version.supports(problem)) continue;
    std::vector<sim::BarrierSite> sites;
    auto expected = [&] {
      const sim::BarrierMutation collect;
      auto result = run(version);
      sites = sim::BarrierMutation::reached();
      return result;
    }();
    for (const sim::BarrierSite& site : sites) {
      const sim::Trace trace;  // of its own, since a trace tells a finding at an instruction once
      bool noticed = false;
      try {
        const sim::BarrierMutation leave_out(site);
        noticed = !same_bits(expected, run(version));
      } catch (const LaunchError&) {
        noticed = true;
      }
      EXPECT_TRUE(noticed || !trace.findings().empty())
          << Kernel::name << "/" << version.name << ": nothing notices that the barrier at " << site.file << ":"
          << site.line << " is missing";
    }
  }
}

}  // namespace orbitgrad::kernels::testing
