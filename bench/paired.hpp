// What benchmarks of two sides share. Times them in turn in one run, A B A B ..., so that a change of the machine's
// speed meets both. A sample repeats its side often enough to be longer than the clock's noise. Median and spread of at
// least nine samples.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/worker_threads.hpp"

namespace orbitgrad::bench {

struct Samples {
  std::vector<double> seconds;  // per call, sorted

  double median() const { return seconds[seconds.size() / 2]; }
  double lowest() const { return seconds.front(); }
  double highest() const { return seconds.back(); }
};

struct PairedTimes {
  Samples ours, opponent;
  /// Opponent's time over ours: above 1 we are faster. Median and extremes of the pairs.
  double ratio = 0, ratio_low = 0, ratio_high = 0;
};

using Clock = double();
inline double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
/// Of all threads of this process: for one thread, time that does not count what others do on the machine.
inline double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

inline double seconds_of(const std::function<void()>& side, std::int64_t repetitions, Clock* now) {
  const double start = now();
  for (std::int64_t i = 0; i < repetitions; ++i) side();
  return (now() - start) / static_cast<double>(repetitions);
}

/// Both sides are called a few times first, and before each sample once: caches, threads and primitives are warm. Timed
/// by the wall clock, that is with several threads, a sample waits until the other side's workers sleep.
inline PairedTimes time_in_turn(const std::function<void()>& ours, const std::function<void()>& opponent,
                                int samples = 9, double sample_seconds = 4e-3, Clock* now = wall_seconds) {
  const auto repetitions = [&](const std::function<void()>& side) {
    if (now == wall_seconds) wait_for_workers();
    seconds_of(side, 2, now);
    const double once = seconds_of(side, 1, now);
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(sample_seconds / std::max(once, 1e-9)));
  };
  const std::int64_t repeat_ours = repetitions(ours), repeat_opponent = repetitions(opponent);
  const auto sample = [&](const std::function<void()>& side, std::int64_t repeat) {
    if (now == wall_seconds) wait_for_workers();
    side();
    return seconds_of(side, repeat, now);
  };
  PairedTimes times;
  std::vector<double> ratios;
  for (int i = 0; i < samples; ++i) {
    times.ours.seconds.push_back(sample(ours, repeat_ours));
    times.opponent.seconds.push_back(sample(opponent, repeat_opponent));
    ratios.push_back(times.opponent.seconds.back() / times.ours.seconds.back());
  }
  std::sort(times.ours.seconds.begin(), times.ours.seconds.end());
  std::sort(times.opponent.seconds.begin(), times.opponent.seconds.end());
  std::sort(ratios.begin(), ratios.end());
  times.ratio = ratios[ratios.size() / 2];
  times.ratio_low = ratios.front();
  times.ratio_high = ratios.back();
  return times;
}

/// The value of --implementation=NAME, which is taken off the command line; empty without it.
inline std::string take_implementation(int& argc, char** argv) {
  constexpr std::string_view flag = "--implementation=";
  char** const found =
      std::find_if(argv + 1, argv + argc, [&](const char* text) { return std::string_view(text).starts_with(flag); });
  if (found == argv + argc) return {};
  const std::string name = *found + flag.size();
  std::copy(found + 1, argv + argc, found);
  --argc;
  return name;
}

}  // namespace orbitgrad::bench
