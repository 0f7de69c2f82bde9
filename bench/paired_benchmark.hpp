// A benchmark of two sides in Google Benchmark's terms.
#pragma once

#include <benchmark/benchmark.h>

#include <functional>

#include "bench/paired.hpp"

namespace orbitgrad::bench {

/// Times both sides, one thread by the processor and more by the clock, and writes the counters; `flops` of a call.
inline void measure(benchmark::State& state, const std::function<void()>& ours, const std::function<void()>& opponent,
                    double flops, int threads) {
  for (auto _ : state) {
    const PairedTimes times = time_in_turn(ours, opponent, 9, 4e-3, threads == 1 ? processor_seconds : wall_seconds);
    state.SetIterationTime(times.ours.median());
    state.counters["ms"] = times.ours.median() * 1e3;
    state.counters["opponent_ms"] = times.opponent.median() * 1e3;
    state.counters["ratio"] = times.ratio;
    state.counters["ratio_low"] = times.ratio_low;
    state.counters["ratio_high"] = times.ratio_high;
    state.counters["gflops"] = flops / times.ours.median() * 1e-9;
  }
}

}  // namespace orbitgrad::bench
