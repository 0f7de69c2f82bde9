#include "engine/observe/profile.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/observe/launch.hpp"

namespace orbitgrad::observe {

namespace {

std::mutex list_mutex;
std::vector<Profile*>& open_profiles() {
  static std::vector<Profile*> profiles;
  return profiles;
}

std::string cell(double value, const char* unit = "") { return value > 0 ? fmt::format("{:.1f}{}", value, unit) : "-"; }

std::string row(const OpTotals& totals, double all_seconds, const Peaks& peaks) {
  const double bandwidth = totals.seconds > 0 ? totals.bytes / totals.seconds * 1e-9 : 0;
  const double arithmetic = totals.seconds > 0 ? totals.flops / totals.seconds * 1e-9 : 0;
  const double of_memory = peaks.gigabytes_per_second > 0 ? 100 * bandwidth / peaks.gigabytes_per_second : 0;
  const double of_arithmetic = peaks.gigaflops > 0 ? 100 * arithmetic / peaks.gigaflops : 0;
  return fmt::format("{:<32} {:>8} {:>10.2f} {:>6.1f} {:>8} {:>9} {:>9} {:>9}\n", totals.op, totals.calls,
                     totals.seconds * 1e3, all_seconds > 0 ? 100 * totals.seconds / all_seconds : 0.0, cell(bandwidth),
                     cell(arithmetic), cell(of_memory, " %"), cell(of_arithmetic, " %"));
}

}  // namespace

Profile::Profile() {
  const std::lock_guard lock(list_mutex);
  open_profiles().push_back(this);
}

Profile::~Profile() {
  const std::lock_guard lock(list_mutex);
  std::erase(open_profiles(), this);
}

void Profile::add(const Launch& launch) {
  const std::lock_guard lock(mutex_);
  auto found = totals_.find(launch.op);
  if (found == totals_.end()) found = totals_.emplace(launch.op, OpTotals{.op = std::string(launch.op)}).first;
  OpTotals& totals = found->second;
  only_cpu_ = only_cpu_ && launch.device == kernels::DeviceKind::cpu;
  ++totals.calls;
  totals.seconds += launch.seconds();
  totals.bytes += launch.bytes;
  totals.flops += launch.flops;
}

double Profile::seconds() const {
  const std::lock_guard lock(mutex_);
  double sum = 0;
  for (const auto& [op, totals] : totals_) sum += totals.seconds;
  return sum;
}

std::int64_t Profile::calls() const {
  const std::lock_guard lock(mutex_);
  std::int64_t sum = 0;
  for (const auto& [op, totals] : totals_) sum += totals.calls;
  return sum;
}

std::vector<OpTotals> Profile::ops() const {
  const std::lock_guard lock(mutex_);
  std::vector<OpTotals> list;
  for (const auto& [op, totals] : totals_) list.push_back(totals);
  std::ranges::stable_sort(list, std::greater{}, &OpTotals::seconds);
  return list;
}

std::string Profile::to_string(const Peaks& given) const {
  const Peaks peaks = only_cpu_ ? given : Peaks();
  const double all = seconds();
  std::string text = fmt::format("{:<32} {:>8} {:>10} {:>6} {:>8} {:>9} {:>9} {:>9}\n", "op", "calls", "ms", "%",
                                 "GB/s", "GFLOP/s", "of memory", "of FLOPs");
  OpTotals sum{.op = "all"};
  for (const OpTotals& totals : ops()) {
    text += row(totals, all, peaks);
    sum.calls += totals.calls;
    sum.seconds += totals.seconds;
    sum.bytes += totals.bytes;
    sum.flops += totals.flops;
  }
  text += row(sum, all, peaks);
  if (peaks.gigabytes_per_second > 0)
    text += fmt::format("Peaks of this machine: {:.1f} GB/s, {:.1f} GFLOP/s (float32)\n", peaks.gigabytes_per_second,
                        peaks.gigaflops);
  return text;
}

void profile_launch(const Launch& launch) {
  const std::lock_guard lock(list_mutex);
  for (Profile* profile : open_profiles()) profile->add(launch);
}

}  // namespace orbitgrad::observe
