// One training step of the rotated-digit networks at batch 128: forward, cross-entropy, backward, Adam. Counters:
// images per second, and the share of the step spent outside kernels (graph, allocation, checks).
//
//   build/bench/training_step --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
#include <benchmark/benchmark.h>
#include <omp.h>

#include "engine/observe/profile.hpp"
#include "models/gcnn.hpp"
#include "nn/loss.hpp"
#include "nn/optimizer.hpp"

namespace orbitgrad::bench {
namespace {

void training_step(benchmark::State& state, const std::string& model, int threads) {
  constexpr std::int64_t batch = 128;
  omp_set_num_threads(threads);
  const RandomKey key{1};
  const auto net = models::make_model(model, key.split("model"));
  const Tensor x = normal({batch, 1, 28, 28}, key.split("images")),
               y = random_integers({batch}, key.split("labels"), 10);
  nn::Adam optimizer(net->named_parameters());
  double loss_value = 0, kernel_seconds = 0, seconds = 0;
  const auto step = [&](std::uint64_t number) {
    const Tensor loss = nn::cross_entropy((*net)(x, {.training = true, .key = key.split(number)}), y);
    optimizer.clear_gradients();
    loss.backward();
    optimizer.step(1e-3);
    loss_value = loss.item();
  };
  std::uint64_t number = 0;
  for (; number < 3; ++number) step(number);
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    const observe::Profile profile;
    step(number++);
    kernel_seconds += profile.seconds();
    const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    seconds += elapsed;
    state.SetIterationTime(elapsed);
  }
  if (!(loss_value < 3)) state.SkipWithError("the loss did not stay finite");
  state.counters["images/s"] = benchmark::Counter(static_cast<double>(batch * state.iterations()) / seconds);
  state.counters["outside_kernels"] = 1 - kernel_seconds / seconds;
}

}  // namespace
}  // namespace orbitgrad::bench

int main(int argc, char** argv) {
  for (const auto& model : orbitgrad::models::gcnn_models())
    for (const int threads : {1, 2})
      benchmark::RegisterBenchmark(
          (model.name + "/batch:128/threads:" + std::to_string(threads)).c_str(),
          [=](benchmark::State& state) { orbitgrad::bench::training_step(state, model.name, threads); })
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("compiler", __VERSION__);
  benchmark::RunSpecifiedBenchmarks();
}
