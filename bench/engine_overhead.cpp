// What the engine itself costs where there is next to nothing to compute, in microseconds of one thread.
//
//   build/bench/engine_overhead
//
// add: two tensors of 8 elements, without and with recording for the gradient. backward: a chain of 1,000 additions,
// all of it. The column CPU is processor time, which does not count what others do on the machine.
#include <benchmark/benchmark.h>
#include <omp.h>

#include "engine/autograd/grad.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/random.hpp"

namespace orbitgrad::bench {
namespace {

void add_without_recording(benchmark::State& state) {
  const Tensor a = normal({8}, RandomKey{1}), b = normal({8}, RandomKey{2});
  const NoGrad off;
  for (auto _ : state) benchmark::DoNotOptimize(add(a, b));
}

void add_with_recording(benchmark::State& state) {
  const Tensor a = normal({8}, RandomKey{1}).set_requires_grad(), b = normal({8}, RandomKey{2});
  for (auto _ : state) benchmark::DoNotOptimize(add(a, b));
}

void backward_of_1000_ops(benchmark::State& state) {
  const Tensor a = normal({8}, RandomKey{1}).set_requires_grad(), b = normal({8}, RandomKey{2});
  for (auto _ : state) {
    state.PauseTiming();
    Tensor y = a;
    for (int i = 0; i < 1000; ++i) y = add(y, b);
    const Tensor loss = sum(y);
    state.ResumeTiming();
    benchmark::DoNotOptimize(grad({loss}, {a}));
  }
}

BENCHMARK(add_without_recording)->Unit(benchmark::kMicrosecond);
BENCHMARK(add_with_recording)->Unit(benchmark::kMicrosecond);
BENCHMARK(backward_of_1000_ops)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace orbitgrad::bench

int main(int argc, char** argv) {
  omp_set_num_threads(1);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
