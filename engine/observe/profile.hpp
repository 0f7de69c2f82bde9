// Where the time goes: launches, time, bytes and arithmetic by op, collected from all threads while a Profile lives.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "engine/observe/observer.hpp"

namespace orbitgrad::observe {

struct Launch;

/// One op. Bytes and flops are those of the kernels' formulas, with every array moved once; 0 where they are not known.
struct OpTotals {
  std::string op;
  std::int64_t calls = 0;  // launches of kernels
  double seconds = 0, bytes = 0, flops = 0;
};

/// What a machine can do at best: GB/s of memory, GFLOP/s in float32.
struct Peaks {
  double gigabytes_per_second = 0, gigaflops = 0;
};

class Profile {
 public:
  Profile();
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  /// Time in kernels, nested launches once.
  double seconds() const;
  std::int64_t calls() const;
  /// The most time first.
  std::vector<OpTotals> ops() const;
  /// A table for people. The peaks are those of the cpu: shares are left out where one is 0, or another device worked.
  std::string to_string(const Peaks& peaks = {}) const;

  void add(const Launch& launch);

 private:
  const Watch watch_{profiling};
  mutable std::mutex mutex_;
  std::map<std::string, OpTotals, std::less<>> totals_;
  bool only_cpu_ = true;
};

/// Called at the end of every launch.
void profile_launch(const Launch& launch);

}  // namespace orbitgrad::observe
