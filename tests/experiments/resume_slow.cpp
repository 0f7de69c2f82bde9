// Runs of the program on few digits: killed at random moments and resumed they give the bits of the run that was not
// killed, for another number of threads too; full disks, numbers that explode and foreign checkpoints are errors.
#include <random>

#include "engine/io/safetensors.hpp"
#include "engine/ops/creation.hpp"
#include "experiments/run_directory.hpp"
#include "tests/experiments/program_support.hpp"
#include "tests/experiments/small_mnist.hpp"

namespace orbitgrad::experiments {
namespace {

using Words = std::vector<std::string>;

void expect_success(const ProgramResult& result) { ASSERT_EQ(result.code, 0) << result.error; }

/// How many times the run was killed before it finished.
int run_with_kills(const Words& words, double longest_life, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> life(0.02, longest_life);
  for (int kills = 0;; ++kills) {
    ProgramLimits limits;
    if (kills < 12) limits.kill_after_seconds = life(random);
    const auto result = run_program(words, limits);
    if (result.code == -1) continue;
    EXPECT_EQ(result.code, 0) << result.error;
    return kills;
  }
}

void expect_same_run(const std::filesystem::path& a, const std::filesystem::path& b) {
  EXPECT_EQ(read_file(a / "metrics.jsonl"), read_file(b / "metrics.jsonl"));
  EXPECT_EQ(read_file(a / "config.json"), read_file(b / "config.json"));
  EXPECT_TRUE(read_file(checkpoint_file(a)) == read_file(checkpoint_file(b))) << "the checkpoints differ";
}

void expect_same_bits_after_kills(const Words& more) {
  const TemporaryFolder folder;
  Words options{"--train-count", "320", "--epochs", "3", "--log-every", "1", "--evaluate-every", "2"};
  options.insert(options.end(), more.begin(), more.end());
  Words whole = tiny_run(folder.path() / "whole", options), killed = tiny_run(folder.path() / "killed", options);
  whole.insert(whole.end(), {"--threads", "2"});
  killed.insert(killed.end(), {"--threads", "1", "--checkpoint-every", "1", "--resume"});

  const auto begin = std::chrono::steady_clock::now();
  expect_success(run_program(whole));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const int kills = run_with_kills(killed, 0.6 * seconds, 1);
  EXPECT_GE(kills, 1) << "the run was never killed: it is too short for this test";
  expect_same_run(folder.path() / "whole" / "run", folder.path() / "killed" / "run");
  ::testing::Test::RecordProperty("kills", kills);

  const std::string checkpoint = read_file(checkpoint_file(folder.path() / "killed" / "run"));
  expect_success(run_program(killed));  // a finished run only shows its result
  EXPECT_TRUE(read_file(checkpoint_file(folder.path() / "killed" / "run")) == checkpoint);
}

TEST(Resume, KilledAtAnyMomentP4cnnGivesTheSameBits) {
  expect_same_bits_after_kills({"--model", "p4cnn", "--augment", "rotate", "--schedule", "cosine"});
}

TEST(Resume, KilledAtAnyMomentZ2cnnInFloat16GivesTheSameBits) {
  expect_same_bits_after_kills({"--model", "z2cnn", "--precision", "fp16"});
}

TEST(Resume, AnotherSeedGivesOtherBits) {
  const TemporaryFolder folder;
  expect_success(run_program(tiny_run(folder.path() / "a")));
  expect_success(run_program(tiny_run(folder.path() / "b", {"--seed", "1"})));
  EXPECT_FALSE(read_file(checkpoint_file(folder.path() / "a" / "run")) ==
               read_file(checkpoint_file(folder.path() / "b" / "run")));
}

TEST(Resume, SettingsFoldersAndOwnersAreChecked) {
  const TemporaryFolder folder;
  const auto run = folder.path() / "run";
  expect_success(run_program(tiny_run(folder.path(), {"--model", "z2cnn"})));

  const auto again = run_program(tiny_run(folder.path(), {"--model", "z2cnn"}));
  EXPECT_EQ(again.code, 1);
  expect_contains(again.error, "there is a run in this folder already. Continue it with --resume");

  const auto other =
      run_program(tiny_run(folder.path(), {"--model", "z2cnn", "--seed", "5", "--lr", "0.5", "--resume"}));
  EXPECT_EQ(other.code, 1);
  expect_contains(other.error, "learning_rate: 0.001 there, 0.5 now; seed: 0 there, 5 now");

  const FolderLock lock(run);
  const auto second = run_program(tiny_run(folder.path(), {"--model", "z2cnn", "--resume"}));
  EXPECT_EQ(second.code, 1);
  expect_contains(second.error, "another process is working in this folder");
}

TEST(Program, TrainsEvaluatesAndMeasures) {
  const TemporaryFolder folder;
  const std::string run = folder.path() / "run";
  const auto trained = run_program(tiny_run(folder.path(), {"--model", "p4cnn"}));
  expect_success(trained);
  for (const char* part : {"epoch 1/1", "accuracy rotated", "24,680", "0 in "}) expect_contains(trained.out, part);

  const auto evaluated = run_program({"eval", run});
  expect_success(evaluated);
  const std::string row = trained.out.substr(trained.out.find("\np4cnn   "));
  expect_contains(evaluated.out, row.substr(0, row.find("24,680")));  // the same accuracies

  EXPECT_EQ(evaluated.out.find("Note:"), std::string::npos);
  write_small_mnist(folder.path() / "mnist", 0);
  Record settings = read_settings(run);
  for (const char* name : {"train_count", "test_count"}) settings.set(name, std::int64_t{8});
  write_file_atomically(config_file(run), settings.to_json());
  expect_contains(run_program({"eval", run, "--data", folder.path() / "mnist"}).out, "are not those of the run");

  const auto measured = run_program({"equivariance", run, "--images", "4"});
  expect_success(measured);
  expect_contains(measured.out, "0 of 40");
  expect_contains(measured.out, "conv1");
  expect_contains(run_program({"equivariance", run}).out, "on 8 test digits");  // the run has no more
}

TEST(Program, ACheckpointOfAnotherModelIsAnError) {
  const TemporaryFolder folder;
  const auto run = folder.path() / "run";
  expect_success(run_program(tiny_run(folder.path(), {"--model", "p4cnn"})));
  Record settings = read_settings(run);
  write_file_atomically(config_file(run), settings.set("model", std::string("z2cnn")).to_json());
  const auto evaluated = run_program({"eval", run});
  EXPECT_EQ(evaluated.code, 1);
  expect_contains(evaluated.error, "conv2.weight");

  write_file_atomically(checkpoint_file(run), read_file(checkpoint_file(run)).substr(0, 5000));
  const auto truncated = run_program({"eval", run});
  EXPECT_EQ(truncated.code, 1);
  expect_contains(truncated.error, "checkpoint.safetensors");
}

TEST(Program, AFullDiskKeepsTheLastCheckpoint) {
  const TemporaryFolder folder;
  const auto run = folder.path() / "run";
  const auto first = run_program(tiny_run(folder.path()), {.file_bytes = 100'000});
  EXPECT_EQ(first.code, 1);
  expect_contains(first.error, "checkpoint.safetensors: cannot write it");
  EXPECT_FALSE(std::filesystem::exists(checkpoint_file(run)));
  expect_success(run_program(tiny_run(folder.path(), {"--resume"})));
}

TEST(Program, ALossThatIsNoNumberIsAnErrorWithARemedy) {
  const TemporaryFolder folder;
  const auto result = run_program(
      tiny_run(folder.path(), {"--lr", "1e30", "--epochs", "5", "--checkpoint-every", "1", "--model", "z2cnn"}));
  EXPECT_EQ(result.code, 1);
  expect_contains(result.error, "at step ");
  expect_contains(result.error, "Lower --lr, under another --name. The checkpoint of step ");
  EXPECT_NO_THROW(load_safetensors(checkpoint_file(folder.path() / "run")));

  // The step that explodes is the last one: nothing computes another loss.
  const auto last = run_program(tiny_run(folder.path() / "last", {"--lr", "1e30", "--batch", "32"}));
  EXPECT_EQ(last.code, 1);
  expect_contains(last.error, "[train] 'norm");
  expect_contains(last.error, "is not finite after step 1. Lower --lr, under another --name. The checkpoint of step 1");
}

TEST(Program, QuickstartEndsWithItsTable) {
  const TemporaryFolder folder;
  const auto result = run_program(
      {"quickstart", "--train-count", "64", "--test-count", "16", "--epochs", "1", "--out", folder.path().string()});
  expect_success(result);
  for (const char* part : {"z2cnn", "p4cnn", "21,750", "24,680", "accuracy upright", "accuracy rotated"})
    expect_contains(result.out, part);
  EXPECT_TRUE(std::filesystem::exists(checkpoint_file(folder.path() / "quickstart-1" / "p4cnn")));
}

}  // namespace
}  // namespace orbitgrad::experiments
