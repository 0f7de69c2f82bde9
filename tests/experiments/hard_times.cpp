// A run when memory or the disk is full, the folder cannot be written, somebody else works in it, or it is killed in
// the middle of saving: a clear error, and what was saved last is whole.
#include <cstdio>
#include <memory>
#include <thread>

#include "engine/io/file.hpp"
#include "engine/observe/memory.hpp"
#include "engine/ops/creation.hpp"
#include "experiments/training.hpp"
#include "nn/layers.hpp"
#include "tests/child_process.hpp"
#include "tests/experiments/datasets_support.hpp"

namespace orbitgrad::experiments {
namespace {

using testing::in_child;
using testing::limit_file_size;

const Record settings{{"kind", std::string("test")}};

SafeTensors numbers(std::int64_t count, float value) {
  const std::vector<float> values(static_cast<std::size_t>(count), value);
  return {.tensors = {{"x", from_vector(values, {count}, DeviceKind::cpu)}}, .metadata = {}};
}

/// Trains or goes on in the folder; the memory is cut when `epochs_with_memory` have been evaluated.
Record train_in(const std::filesystem::path& folder, bool resume, int epochs_with_memory) {
  const RandomKey key{5};
  const Samples samples{normal({11, 2, 3, 3}, key.split("x"), 0, 1, DType::float32, DeviceKind::cpu),
                        random_integers({11}, key.split("labels"), 3, DeviceKind::cpu)};
  nn::Sequential network;
  network.add<nn::Flatten>("flatten").add<nn::Linear>("linear", 18, 3, key.split(1));
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> nowhere(std::fopen("/dev/null", "w"), std::fclose);
  Progress progress("test", nowhere.get(), false);
  RunDirectory run(folder, settings, {.resume = resume});
  int evaluations = 0;
  Trainer trainer(network, samples, {.epochs = 4, .batch_size = 4, .evaluate_epochs = 1}, [&](Record&) {
    if (++evaluations == epochs_with_memory) observe::set_memory_limit(1);
  });
  if (resume) trainer.restore(run);
  return trainer.run(run, progress);
}

TEST(HardTimes, WhenMemoryEndsTheLastCheckpointIsWholeAndGoesOnToTheSameBits) {
  const TemporaryFolder folder;
  const auto message = error_of([&] { train_in(folder.path() / "cut", false, 3); });
  observe::set_memory_limit(0);
  expect_contains(message, "[allocator]");
  expect_contains(message, fmt::format("The checkpoint of step 6 in {} is intact.", (folder.path() / "cut").string()));
  const SafeTensors saved = load_safetensors(checkpoint_file(folder.path() / "cut"));
  EXPECT_EQ(saved.tensors.at("training.step").item<std::int64_t>(), 6);

  const Record resumed = train_in(folder.path() / "cut", true, -1),
               whole = train_in(folder.path() / "whole", false, -1);
  EXPECT_EQ(resumed, whole);
  for (const char* file : {"checkpoint.safetensors", "metrics.jsonl"})
    EXPECT_TRUE(read_file(folder.path() / "cut" / file) == read_file(folder.path() / "whole" / file)) << file;
}

TEST(HardTimes, BeforeTheFirstCheckpointTheErrorSaysSo) {
  const TemporaryFolder folder;
  const auto message = error_of([&] { train_in(folder.path(), false, 1); });
  observe::set_memory_limit(0);
  expect_contains(message, "There is no checkpoint yet.");
}

TEST(HardTimes, AFullDiskKeepsTheCheckpointBefore) {
  const TemporaryFolder folder;
  EXPECT_EQ(in_child([&] {
              limit_file_size(100'000);
              RunDirectory run(folder.path(), settings);
              run.save_checkpoint(numbers(1000, 1));
              try {
                run.save_checkpoint(numbers(100'000, 2));
              } catch (const Error& error) {
                const std::string text = error.what();
                return text.find("checkpoint.safetensors: cannot write it: File too large") != text.npos ? 7 : 8;
              }
              return 9;
            }),
            7);
  const auto content = RunDirectory(folder.path(), settings, {.resume = true}).load_checkpoint();
  ASSERT_TRUE(content.has_value());
  EXPECT_EQ(content->tensors.at("x").to_vector<float>(), std::vector<float>(1000, 1));
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    EXPECT_EQ(entry.path().string().find("unfinished"), std::string::npos) << entry.path();
}

TEST(HardTimes, AFolderThatCannotBeWrittenIsNamed) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "file", "text");
  expect_contains(error_of([&] { RunDirectory(folder.path() / "file" / "run", settings); }),
                  "file/run: cannot make this folder: Not a directory. Choose another");
  std::filesystem::create_directory(folder.path() / "run");
  std::filesystem::permissions(folder.path() / "run", std::filesystem::perms::others_read |
                                                          std::filesystem::perms::others_exec |
                                                          std::filesystem::perms::owner_exec);
  EXPECT_EQ(
      in_child([&] {
        if (geteuid() == 0 && setuid(65534) != 0) return 6;  // root may write everywhere: become nobody
        try {
          RunDirectory(folder.path() / "run", settings);
        } catch (const Error& error) {
          const std::string text = error.what();
          return text.find("run: cannot ") != text.npos && text.find("Permission denied. Choose") != text.npos ? 7 : 8;
        }
        return 9;
      }),
      7);
}

TEST(HardTimes, KilledWhileSavingItLeavesAWholeCheckpointAndNoLock) {
  const TemporaryFolder folder;
  { RunDirectory(folder.path(), settings).save_checkpoint(numbers(50'000, 0)); }
  for (int life = 1; life <= 6; ++life) {
    const pid_t child = fork();
    if (child == 0) {
      try {
        RunDirectory run(folder.path(), settings, {.resume = true});
        for (float value = 0;; ++value) run.save_checkpoint(numbers(50'000, value));
      } catch (const std::exception&) {
      }
      _exit(1);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5 * life));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself";
    const auto content = RunDirectory(folder.path(), settings, {.resume = true}).load_checkpoint();
    ASSERT_TRUE(content.has_value());
    const std::vector<float> values = content->tensors.at("x").to_vector<float>();
    EXPECT_EQ(values, std::vector<float>(50'000, values[0]));
  }
}

TEST(HardTimes, OfTwoProcessesTheSecondIsToldOfTheFirst) {
  const TemporaryFolder folder;
  const RunDirectory run(folder.path(), settings);
  EXPECT_EQ(in_child([&] {
              try {
                RunDirectory(folder.path(), settings, {.resume = true});
              } catch (const Error& error) {
                const std::string text = error.what();
                const bool names_both = text.find(folder.path().string()) != text.npos &&
                                        text.find(fmt::format(", process {}.", getppid())) != text.npos;
                return names_both ? 7 : 8;
              }
              return 9;
            }),
            7);
}

}  // namespace
}  // namespace orbitgrad::experiments
