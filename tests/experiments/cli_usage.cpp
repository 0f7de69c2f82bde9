// How the program answers: wrong words get the nearest right one and exit code 2, failures one line and exit code 1.
#include "engine/device.hpp"
#include "tests/experiments/program_support.hpp"

namespace orbitgrad::experiments {
namespace {

void expect_usage_error(const std::vector<std::string>& words, const std::string& part) {
  const auto result = run_program(words, {.kill_after_seconds = 10});
  EXPECT_EQ(result.code, 2) << part;
  EXPECT_EQ(result.out, "");
  EXPECT_TRUE(result.error.starts_with("orbitgrad: [orbitgrad") || result.error.starts_with("orbitgrad: [train"))
      << result.error;
  EXPECT_EQ(std::count(result.error.begin(), result.error.end(), '\n'), 1) << result.error;
  expect_contains(result.error, part);
}

TEST(CliUsage, UnknownWordsGetTheNearestName) {
  expect_usage_error({"trian"}, "unknown command \"trian\". Did you mean \"train\"?");
  expect_usage_error({"train", "rotmnits"}, "unknown experiment \"rotmnits\". Did you mean \"rotmnist\"?");
  expect_usage_error({"train", "rotmnist", "--epoch", "3"}, "unknown option \"--epoch\". Did you mean \"--epochs\"?");
  expect_usage_error({"train", "rotmnist", "--epoch=3"}, "unknown option \"--epoch\". Did you mean \"--epochs\"?");
  expect_usage_error({"train", "rotmnist", "--model", "p4cn"}, "unknown model \"p4cn\". Did you mean \"p4cnn\"?");
  expect_usage_error({"train", "rotmnist", "--protocol", "uprigth"}, "Did you mean \"upright\"?");
  expect_usage_error({"train", "rotmnist", "--schedule", "cosin"}, "Did you mean \"cosine\"?");
  expect_usage_error({"train", "rotmnist", "--augment", "rotat"}, "Did you mean \"rotate\"?");
  expect_usage_error({"train", "rotmnist", "--device", "cpi"}, "Did you mean \"cpu\"?");
  expect_usage_error({"quickstart", "--see", "1"}, "Did you mean \"--seed\"?");
  expect_usage_error({"--versoin"}, "Did you mean \"--version\"?");
}

TEST(CliUsage, MissingAndUnexpectedWords) {
  expect_usage_error({}, "Give one of: quickstart, train, reproduce, eval, equivariance, list, devices");
  expect_usage_error({"train"}, "Give one of: ");
  expect_usage_error({"eval"}, "[orbitgrad eval] RUN is required. See orbitgrad eval --help.");
  expect_usage_error({"devices", "more"}, "'more' is not expected here");
  expect_usage_error({"train", "rotmnist", "more"}, "'more' is not expected here");
  expect_usage_error({"train", "rotmnist", "--epochs"}, "--epochs");
  expect_usage_error({"train", "rotmnist", "--epochs", "few"}, "--epochs: Value few");
  expect_usage_error({"train", "rotmnist", "--epochs", "0"}, "--epochs: Value 0 not in range");
  expect_usage_error({"train", "rotmnist", "--batch", "-3"}, "--batch: Value -3 not in range");
  for (const char* text : {"-1", "0", "nan", "inf", "1e400", "1e-3x", ""})
    expect_usage_error({"train", "rotmnist", "--lr", text},
                       fmt::format("--lr: '{}' is no positive number, like 0.001", text));
  for (const char* text : {"-1", "1.5", "9223372036854775808", "1e3", ""})
    for (const char* option : {"--seed", "--data-seed"})
      expect_usage_error({"train", "rotmnist", option, text}, fmt::format("{}: '{}' is no whole number", option, text));
  expect_usage_error({"quickstart", "--seed", "-1"}, "--seed: '-1' is no whole number");
  expect_usage_error({"train", "rotmnist", "--data", ""}, "--data: the name of the folder is empty");
  for (const char* name : {"../run", "a/b", "/run", ".", ".."})
    expect_usage_error({"train", "rotmnist", "--name", name}, "--name takes the name of a folder");
  expect_usage_error({"train", "rotmnist", "--threads", "0"}, "--threads: Value 0 not in range");
}

TEST(CliUsage, HelpVersionListAndDevices) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"--help"},
                                                                 {"train", "--help"},
                                                                 {"train", "rotmnist", "--help"},
                                                                 {"eval", "-h"},
                                                                 {"quickstart", "--help"}}) {
    const auto result = run_program(words);
    EXPECT_EQ(result.code, 0);
    expect_contains(result.out, "Usage:");
    EXPECT_EQ(result.error, "");
  }
  expect_contains(run_program({"train", "rotmnist", "--help"}).out, "published");
  EXPECT_TRUE(run_program({"--version"}).out.starts_with("orbitgrad "));
  const auto list = run_program({"list"}).out;
  for (const char* part : {"rotmnist", "z2cnn", "p4cnn_rp", "p4mcnn", "glyphs", "mnist"}) expect_contains(list, part);
  const auto devices = run_program({"devices"}).out;
  expect_contains(devices, "cpu   available");
  expect_contains(devices, "sim   available     the CUDA kernels, run and checked on the CPU");
}

TEST(CliUsage, FailuresHaveExitCodeOne) {
  const TemporaryFolder folder;
  const std::string none = folder.path() / "none";
  const auto expect_failure = [](const std::vector<std::string>& words, const std::string& part) {
    const auto result = run_program(words);
    EXPECT_EQ(result.code, 1) << part;
    EXPECT_TRUE(result.error.starts_with("orbitgrad: [")) << result.error;
    expect_contains(result.error, part);
  };
  expect_failure({"eval", none}, "none: this is not the folder of a run");
  expect_failure({"eval", std::string(5000, 'a')}, "this is not the folder of a run");
  expect_failure(tiny_run(folder.path(), {"--name", std::string(300, 'a')}), "cannot make this folder");
  expect_failure({"equivariance", folder.path()}, "has no config.json");
  expect_failure({"equivariance", folder.path(), "--data", none}, "has no config.json");
  expect_failure(tiny_run(folder.path(), {"--data", none}), "MNIST");
  for (const DeviceStatus& status : device_statuses())
    if (!status.available)
      expect_failure(tiny_run(folder.path(), {"--device", std::string(name(status.device))}), "cuda cannot be used: ");
  write_file_atomically(none, "a file is in the way");
  expect_failure(tiny_run(none), "cannot make this folder");
}

}  // namespace
}  // namespace orbitgrad::experiments
