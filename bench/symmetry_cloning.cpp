// Symmetry cloning at the size of MNIST: one layer cloned to a relative squared error of 1e-9, a step of the
// hyper-linear student, and an epoch of 60,000 digits through three cloned layers whose clones are held. Run with
// --benchmark_filter=NAME.
#include <benchmark/benchmark.h>

#include <algorithm>

#include "engine/ops/elementary.hpp"
#include "engine/ops/pooling.hpp"
#include "engine/ops/reduction.hpp"
#include "models/symmetry_cloning/cloning.hpp"
#include "nn/layers.hpp"
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

/// One step on 512 pairs (x, tau) of a family.
void hyper_linear_step(benchmark::State& state, const LayerFamilyOptions& family) {
  const LayerFamily teacher(family);
  HyperLinearStudent student(student_sizes(teacher, CloneMode::conditional), key);
  constexpr std::int64_t steps = 3;
  for (auto _ : state) clone_layer(student, teacher, {.stop = {.nmse = 0.0, .steps = steps}});
  state.counters["steps"] = steps;
}

/// Three cloned layers with ReLU, 2x2 average pooling after the first two, means over group and pixels, and a head.
class Network final : public nn::Module {
 public:
  explicit Network(bool rotations) {
    const std::int64_t fields = rotations ? 4 : 8, kernel = rotations ? 3 : 5;
    std::int64_t in = 1, out = fields, size = 28;
    for (int layer = 0; layer < 3; ++layer, in = out, out *= 2, size /= 2) {
      const LayerKind regular = layer == 0 ? LayerKind::lifting : LayerKind::group_convolution;
      families_.push_back(LayerFamily({.kind = rotations ? regular : LayerKind::convolution,
                                       .group = rotations ? "p4" : "p1",
                                       .height = size,
                                       .width = size,
                                       .kernel = kernel}));
      const StudentSizes sizes = student_sizes(families_.back(), CloneMode::conditional);
      layers_.push_back(add_child<ClonedLayer>(fmt::format("layer{}", layer + 1),
                                               make_student(StudentKind::hyper_linear, sizes, key), Channels{in, out},
                                               key.split(static_cast<std::uint64_t>(layer))));
    }
    head_ = add_child<nn::Linear>("head", in, 10, key.split("head"));
  }

  Tensor forward(const Tensor& images, const nn::Pass& pass) override {
    Tensor x = images;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      x = relu(families_[l].unflatten_output((*layers_[l])(flatten_features(x), pass)));
      if (l < 2) x = average_pool2d(x);
    }
    return (*head_)(mean(flatten_features(x), {2}), pass);
  }

  /// Holds the clones; what is left to train.
  std::vector<nn::NamedTensor> freeze() {
    std::vector<nn::NamedTensor> trained;
    for (auto& parameter : named_parameters())
      if (parameter.name.find("theta") != std::string::npos)
        parameter.tensor.set_requires_grad(false);
      else
        trained.push_back(parameter);
    return trained;
  }

 private:
  std::vector<LayerFamily> families_;
  std::vector<std::shared_ptr<ClonedLayer>> layers_;
  std::shared_ptr<nn::Linear> head_;
};

/// 60,000 images of noise in batches of 128, by Adam: the time does not depend on what they show.
void frozen_epoch(benchmark::State& state, bool rotations) {
  Network network(rotations);
  nn::Adam optimizer(network.freeze());
  constexpr std::int64_t images = 60000, batch = 128;
  for (auto _ : state)
    for (std::int64_t first = 0; first < images; first += batch) {
      const std::int64_t count = std::min(batch, images - first);
      const RandomKey step = key.split(static_cast<std::uint64_t>(first));
      const Tensor x = normal({count, 1, 28, 28}, step), labels = random_integers({count}, step, 10);
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
BENCHMARK_CAPTURE(frozen_epoch, translations, false)->Unit(benchmark::kSecond)->Iterations(1)->UseRealTime();
BENCHMARK_CAPTURE(frozen_epoch, p4, true)->Unit(benchmark::kSecond)->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace orbitgrad::models

BENCHMARK_MAIN();
