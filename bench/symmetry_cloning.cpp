// Symmetry cloning at the size of MNIST: one layer cloned to a relative squared error of 1e-9, a step of the
// hyper-linear student, and an epoch of 60,000 digits through three cloned layers whose clones are held. Run with
// --benchmark_filter=NAME.
#include <benchmark/benchmark.h>

#include <algorithm>

#include "models/symmetry_cloning/cloning.hpp"
#include "models/symmetry_cloning/network.hpp"
#include "nn/loss.hpp"
#include "nn/optimizer.hpp"

namespace orbitgrad::models {
namespace {

const RandomKey key{1};

/// 784 -> 784, 3x3, batches of 512; counters hold the steps and the error reached.
void clone_one_layer(benchmark::State& state) {
  const LayerFamily teacher(LayerFamilyOptions{});
  for (auto _ : state) {
    LinearStudent student(student_sizes(teacher, CloneMode::fixed_tau), key);
    const CloneResult result =
        clone_layer(student, teacher, {.mode = CloneMode::fixed_tau, .stop = {.nmse = 1e-9, .steps = 100}});
    state.counters["steps"] = static_cast<double>(result.steps);
    state.counters["nmse"] = result.nmse;
  }
}

/// Three steps on 512 pairs (x, tau) of a family each, and the comparison after them.
void hyper_linear_step(benchmark::State& state, const LayerFamilyOptions& family) {
  const LayerFamily teacher(family);
  HyperLinearStudent student(student_sizes(teacher, CloneMode::conditional), key);
  constexpr std::int64_t steps = 3;
  for (auto _ : state) clone_layer(student, teacher, {.stop = {.nmse = 0.0, .steps = steps}});
  state.counters["steps"] = steps;
}

/// 60,000 images of noise in batches of 128, by Adam: the time does not depend on what they show.
void frozen_epoch(benchmark::State& state, const SkeletonOptions& skeleton) {
  CloningNetwork network(skeleton, fresh_students(skeleton, StudentKind::hyper_linear, {}, key), key);
  for (auto& [name, tensor] : network.theta()) tensor.set_requires_grad(false);
  nn::Adam optimizer(network.others());
  constexpr std::int64_t images = 60000, batch = 128;
  for (auto _ : state)
    for (std::int64_t first = 0; first < images; first += batch) {
      const std::int64_t count = std::min(batch, images - first);
      const RandomKey step = key.split(static_cast<std::uint64_t>(first));
      const Tensor x = normal({count, 1, 28, 28}, step), labels = random_integers({count}, step, skeleton.classes);
      optimizer.clear_gradients();
      nn::cross_entropy(network(x, {.training = true}), labels).backward();
      optimizer.step(1e-3);
    }
}

const LayerFamilyOptions lifting{.kind = LayerKind::lifting, .group = "p4"};
const LayerFamilyOptions regular{.kind = LayerKind::group_convolution, .group = "p4", .height = 14, .width = 14};

BENCHMARK(clone_one_layer)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(hyper_linear_step, plain_5x5, LayerFamilyOptions{.kernel = 5})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(hyper_linear_step, p4_lifting_3x3, lifting)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(hyper_linear_step, p4_regular_3x3, regular)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(frozen_epoch, translations_5x5, SkeletonOptions{.kernel = 5})
    ->Unit(benchmark::kSecond)
    ->Iterations(1)
    ->UseRealTime();
BENCHMARK_CAPTURE(frozen_epoch, p4_3x3, SkeletonOptions{.group = "p4"})
    ->Unit(benchmark::kSecond)
    ->Iterations(1)
    ->UseRealTime();

}  // namespace
}  // namespace orbitgrad::models

BENCHMARK_MAIN();
