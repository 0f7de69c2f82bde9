// Training with captured steps against training without: metrics and checkpoint to the last byte.
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>

#include "engine/io/file.hpp"
#include "experiments/training.hpp"
#include "nn/layers.hpp"
#include "tests/experiments/datasets_support.hpp"

namespace orbitgrad::experiments {
namespace {

constexpr DeviceKind cpu = DeviceKind::cpu, sim = DeviceKind::sim;

/// metrics.jsonl and the checkpoint of three epochs of batches of 4, 4 and 3.
std::pair<std::string, std::string> train(bool captured) {
  const RandomKey key{5};
  const TemporaryFolder folder;
  const Samples samples{normal({11, 2, 3, 3}, key.split("x"), 0, 1, DType::float32, cpu),
                        random_integers({11}, key.split("labels"), 3, cpu)};
  nn::Sequential network;
  network.add<nn::Flatten>("flatten")
      .add<nn::Linear>("first", 18, 5, key.split(1))
      .add<nn::BatchNorm>("norm", 5)
      .add<nn::Dropout>("dropout", 0.2)
      .add<nn::Linear>("second", 5, 3, key.split(2));
  network.to(sim);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> nowhere(std::fopen("/dev/null", "w"), std::fclose);
  Progress progress("test", nowhere.get(), false);
  RunDirectory run(folder.path() / "run", Record{{"kind", std::string("test")}});
  Trainer trainer(
      network, samples,
      {.epochs = 3, .batch_size = 4, .schedule = "cosine", .log_steps = 1, .device = sim, .captured = captured},
      [](Record&) {});
  trainer.run(run, progress);
  return {read_file(run.path() / "metrics.jsonl"), read_file(checkpoint_file(run.path()))};
}

TEST(CapturedTraining, HasTheBytesOfTrainingWithout) {
  const auto eager = train(false), captured = train(true);
  EXPECT_EQ(captured.first, eager.first);
  EXPECT_EQ(captured.second == eager.second, true) << "the checkpoints differ";
}

}  // namespace
}  // namespace orbitgrad::experiments
