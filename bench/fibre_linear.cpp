// fibre_linear by irrep blocks against the expanded product, both through the engine, in one run on the same tensors:
// forward alone, and forward with the gradients of features and weights. Results are compared before anything is timed.
//
//   build/bench/fibre_linear --benchmark_out=results.json --benchmark_out_format=json
//
// Counters: ms and expanded_ms (medians), ratio = expanded / blocks (median of pairs) with its extremes, limit =
// |G|^2 / sum d^3 / t, the ratio of the arithmetic without the transforms; automatic = the better of both over the
// automatic choice.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <omp.h>

#include <cmath>

#include "bench/paired.hpp"
#include "engine/autograd/grad.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/fibre_linear.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/random.hpp"
#include "groups/fourier_blocks.hpp"
#include "groups/group_catalogue.hpp"

namespace orbitgrad::bench {
namespace {

struct Case {
  groups::FiniteGroup group;
  Tensor x, w;
  bool with_gradients;

  Case(const std::string& name, std::int64_t fields, std::int64_t batch, std::int64_t positions, bool gradients)
      : group(groups::parse_finite_group(name)), with_gradients(gradients) {
    const Shape shape =
        positions == 1 ? Shape{batch, fields, group.order()} : Shape{batch, fields, group.order(), positions};
    x = normal(shape, RandomKey{1}), w = normal({fields, fields, group.order()}, RandomKey{2});
    if (gradients) x.set_requires_grad(), w.set_requires_grad();
  }
  Tensor y(const std::string& implementation) const {
    return fibre_linear(x, w, {}, group, {.implementation = implementation});
  }
  void run(const std::string& implementation) const {
    const Tensor result = y(implementation);
    if (with_gradients)
      benchmark::DoNotOptimize(grad({result}, {x, w}, {.output_gradients = {result.detach()}}));
    else
      benchmark::DoNotOptimize(result);
  }
  /// Largest difference of the two results relative to the largest value.
  double difference() const {
    const Tensor expected = y("expanded").detach();
    return std::sqrt(max(square(y("irrep_blocks").detach() - expected)).item() / max(square(expected)).item());
  }
};

void run(benchmark::State& state, const std::string& group, std::int64_t fields, std::int64_t batch,
         std::int64_t positions, bool gradients, int threads) {
  omp_set_num_threads(threads);
  const Case duel(group, fields, batch, positions, gradients);
  if (const double difference = duel.difference(); !(difference < 1e-4)) {
    state.SkipWithError(fmt::format("results differ by {:.2e}", difference).c_str());
    return;
  }
  PairedTimes times, automatic;
  for (auto _ : state) {
    Clock* const clock = threads == 1 ? processor_seconds : wall_seconds;
    times = time_in_turn([&] { duel.run("irrep_blocks"); }, [&] { duel.run("expanded"); }, 9, 4e-3, clock);
    state.SetIterationTime(times.ours.median());
    automatic = time_in_turn([&] { duel.run(""); }, [&] { duel.run(times.ratio > 1 ? "irrep_blocks" : "expanded"); }, 5,
                             4e-3, clock);
  }
  const double order = duel.group.order();
  state.counters["ms"] = times.ours.median() * 1e3;
  state.counters["expanded_ms"] = times.opponent.median() * 1e3;
  state.counters["ratio"] = times.ratio;
  state.counters["ratio_low"] = times.ratio_low;
  state.counters["ratio_high"] = times.ratio_high;
  state.counters["limit"] = order * order / static_cast<double>(groups::fourier_blocks(duel.group).products());
  state.counters["automatic"] = automatic.ratio;
}

}  // namespace
}  // namespace orbitgrad::bench

int main(int argc, char** argv) {
  for (const int threads : {1, 2})
    for (const bool gradients : {false, true})
      for (const std::string group : {"C(8)", "C(16)", "D(8)", "Dic(2)", "S(4)", "I"})
        for (const auto& [batch, positions] : {std::pair<std::int64_t, std::int64_t>{256, 1}, {4, 256}})
          for (const std::int64_t fields : {4, 16, 64})
            benchmark::RegisterBenchmark(
                fmt::format("{}/{}/fields:{}/batch:{}/positions:{}/threads:{}", gradients ? "step" : "forward", group,
                            fields, batch, positions, threads)
                    .c_str(),
                [=, batch = batch, positions = positions](benchmark::State& state) {
                  orbitgrad::bench::run(state, group, fields, batch, positions, gradients, threads);
                })
                ->UseManualTime()
                ->Iterations(1)
                ->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("opponent", "the |G| times repeated weights (made in every call) and one matrix product");
  benchmark::AddCustomContext("compiler", __VERSION__);
  benchmark::RunSpecifiedBenchmarks();
}
