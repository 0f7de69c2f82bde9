// The folder of a run: what may begin, what may go on, and what a checkpoint keeps of the metrics.
#include "experiments/run_directory.hpp"

#include <cmath>

#include "engine/ops/creation.hpp"
#include "experiments/progress.hpp"
#include "experiments/table.hpp"
#include "tests/experiments/datasets_support.hpp"

namespace orbitgrad::experiments {
namespace {

const Record settings{{"model", std::string("p4cnn")}, {"epochs", std::int64_t{3}}, {"rate", 0.1}, {"turned", true}};

std::string metrics_of(const std::filesystem::path& run) { return read_file(run / "metrics.jsonl"); }

Record line(std::int64_t step) { return {{"step", step}}; }

TEST(RunRecord, ComesBackFromItsText) {
  Record record = settings;
  record.set("text", std::string("quote \" and \n")).set("tenth", 0.1).set("whole", 3.0).set("least", 5e-324);
  record.set("epochs", std::int64_t{-9007199254740993});
  for (const bool indented : {false, true}) {
    EXPECT_EQ(Record::from_json(record.to_json(indented), "test"), record);
  }
  EXPECT_EQ(settings.to_json(), R"({"model":"p4cnn","epochs":3,"rate":0.1,"turned":true})");
  EXPECT_TRUE(std::isnan(Record::from_json(Record{{"x", std::nan("")}}.to_json(), "test").number("x")));
}

TEST(RunRecord, ErrorsNameWhatIsWrong) {
  for (const char* text : {"", "{", "[]", "3", "{\"a\":[1]}", "{\"a\":{}}", "{} x"})
    expect_contains(error_of([&] { Record::from_json(text, "config.json"); }), "config.json");
  expect_contains(error_of([] { static_cast<void>(settings.number("absent")); }), "'absent'");
  expect_contains(error_of([] { static_cast<void>(settings.integer("model")); }), "'model' is p4cnn");
  EXPECT_EQ(settings.number("epochs"), 3.0);
}

TEST(RunFolder, IsMadeWithItsParents) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a" / "b";
  const RunDirectory run(path, settings);
  EXPECT_EQ(read_settings(path), settings);
}

TEST(RunFolder, AFinishedStepNeedsResume) {
  const TemporaryFolder folder;
  { RunDirectory(folder.path(), settings).save_checkpoint({}); }
  const auto message = error_of([&] { RunDirectory(folder.path(), settings); });
  expect_contains(message, folder.path().string());
  expect_contains(message, "--resume, or choose another --name or --out");
  const RunDirectory resumed(folder.path(), settings, {.resume = true});
}

TEST(RunFolder, WithoutACheckpointItBeginsAnew) {
  const TemporaryFolder folder;
  { RunDirectory(folder.path(), settings).log(line(1)); }
  Record other = settings;
  other.set("epochs", std::int64_t{4});
  RunDirectory run(folder.path(), other);
  EXPECT_FALSE(run.load_checkpoint().has_value());
  EXPECT_EQ(metrics_of(folder.path()), "");
  EXPECT_EQ(read_settings(folder.path()), other);
}

TEST(RunFolder, AllDifferingSettingsAreListed) {
  const TemporaryFolder folder;
  { RunDirectory(folder.path(), settings).save_checkpoint({}); }
  Record other{{"model", std::string("z2cnn")}, {"epochs", std::int64_t{3}}, {"rate", 0.2}, {"new", true}};
  const auto message = error_of([&] { RunDirectory(folder.path(), other, {.resume = true}); });
  for (const char* part : {"model: p4cnn there, z2cnn now", "rate: 0.1 there, 0.2 now",
                           "turned: true there, absent now", "new: absent there, true now", "another --name"})
    expect_contains(message, part);
  EXPECT_EQ(message.find("epochs"), std::string::npos);
  Record free = settings;
  free.set("rate", 0.2);
  const RunDirectory run(folder.path(), free, {.resume = true, .free_settings = {"rate"}});
}

TEST(RunFolder, AnotherProcessOrAnotherFolderIsRefused) {
  const TemporaryFolder folder;
  const RunDirectory first(folder.path() / "run", settings);
  expect_contains(error_of([&] { RunDirectory(folder.path() / "run", settings, {.resume = true}); }),
                  "another process is working in this folder");
  expect_contains(error_of([&] { RunDirectory(folder.path(), settings); }), "holds no run");
}

// Neither a name that looks like one of ours nor a refusal costs anybody a file.
TEST(RunFolder, FilesOfOthersAreLeftAlone) {
  const std::vector<std::vector<std::string>> contents{
      {"config.json"}, {"metrics.jsonl"}, {"letter.unfinished-1", "letter"}, {"config.json", "model.safetensors"}};
  for (const auto& names : contents) {
    const TemporaryFolder folder;
    for (const auto& name : names) write_file_atomically(folder.path() / name, "mine");
    expect_contains(error_of([&] { RunDirectory(folder.path(), settings); }), "holds no run");
    for (const auto& name : names) EXPECT_EQ(read_file(folder.path() / name), "mine") << name;
    EXPECT_FALSE(std::filesystem::exists(folder.path() / ".lock"));
  }
}

TEST(RunFolder, AProcessKilledBeforeItsFirstCheckpointLeavesNothingInTheWay) {
  const TemporaryFolder folder;
  for (const char* name : {".lock", "config.json.unfinished-1-0", "checkpoint.safetensors.unfinished-1-1"})
    write_file_atomically(folder.path() / name, "");
  const RunDirectory run(folder.path(), settings);
  EXPECT_EQ(read_settings(folder.path()), settings);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "config.json.unfinished-1-0"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "checkpoint.safetensors.unfinished-1-1"));
}

TEST(RunFolder, ACheckpointCutsTheMetricsBehindIt) {
  const TemporaryFolder folder;
  {
    RunDirectory run(folder.path(), settings);
    run.log(line(1));
    run.save_checkpoint({.tensors = {{"t", ones({2})}}, .metadata = {{"key", "value"}}});
    run.log(line(2));
  }
  write_file_atomically(folder.path() / "metrics.jsonl", metrics_of(folder.path()) + "{\"ste");  // killed in a line
  write_file_atomically(folder.path() / "checkpoint.safetensors.unfinished-1-1", "half a checkpoint");
  RunDirectory run(folder.path(), settings, {.resume = true});
  const auto checkpoint = run.load_checkpoint();
  ASSERT_TRUE(checkpoint.has_value());
  EXPECT_EQ(checkpoint->metadata, (std::map<std::string, std::string>{{"key", "value"}}));
  EXPECT_EQ(metrics_of(folder.path()), "{\"step\":1}\n");
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "checkpoint.safetensors.unfinished-1-1"));
}

TEST(RunFolder, ADamagedCheckpointIsAnError) {
  const TemporaryFolder folder;
  {
    RunDirectory run(folder.path(), settings);
    run.log(line(1));
    run.save_checkpoint({});
  }
  const RunOptions resume{.resume = true};
  const std::string good = read_file(checkpoint_file(folder.path()));
  write_file_atomically(checkpoint_file(folder.path()), good.substr(0, 12));
  expect_contains(error_of([&] { RunDirectory(folder.path(), settings, resume).load_checkpoint(); }), "safetensors");
  save_safetensors(checkpoint_file(folder.path()), {});
  expect_contains(error_of([&] { RunDirectory(folder.path(), settings, resume).load_checkpoint(); }),
                  "not the checkpoint of a run");
  write_file_atomically(checkpoint_file(folder.path()), good);
  write_file_atomically(folder.path() / "metrics.jsonl", "");
  expect_contains(error_of([&] { RunDirectory(folder.path(), settings, resume).load_checkpoint(); }), "it has only 0");
}

TEST(RunFolder, MetricsThatWereChangedAreNoticed) {
  const TemporaryFolder folder;
  const auto metrics = folder.path() / "metrics.jsonl";
  const auto resumed = [&] { return RunDirectory(folder.path(), settings, {.resume = true}).load_checkpoint(); };
  {
    RunDirectory run(folder.path(), settings);
    EXPECT_FALSE(run.load_checkpoint().has_value());
    run.log(line(1));
    run.save_checkpoint({});
  }
  {
    RunDirectory run(folder.path(), settings, {.resume = true});  // a second process goes on with the same file
    EXPECT_TRUE(run.load_checkpoint().has_value());
    run.log(line(2));
    run.save_checkpoint({});
    run.log(line(3));
  }
  const std::string good = metrics_of(folder.path());
  for (const std::size_t at : {std::size_t{0}, std::size_t{8}, 2 * line(1).to_json().size()}) {
    std::string edited = good;
    edited[at] = edited[at] == '7' ? '8' : '7';
    write_file_atomically(metrics, edited);
    const auto message = error_of(resumed);
    expect_contains(message, metrics.string());
    expect_contains(message, "not those that the checkpoint was saved with");
    EXPECT_EQ(metrics_of(folder.path()), edited) << "an error changes no file";
  }
  write_file_atomically(metrics, good + "what lies behind the checkpoint is nobody's");
  EXPECT_TRUE(resumed().has_value());
  EXPECT_EQ(metrics_of(folder.path()), "{\"step\":1}\n{\"step\":2}\n");
}

TEST(RunFolder, MetricsLeftFromBeforeTheFirstCheckpointDoNotCount) {
  const TemporaryFolder folder;
  { RunDirectory(folder.path(), settings).log(line(7)); }
  {
    RunDirectory run(folder.path(), settings);
    run.load_checkpoint();
    run.log(line(1));
    run.save_checkpoint({});
  }
  EXPECT_TRUE(RunDirectory(folder.path(), settings, {.resume = true}).load_checkpoint().has_value());
}

TEST(RunFolder, ACheckpointWithoutAChecksumOfTheMetricsGoesOn) {
  const TemporaryFolder folder;
  { RunDirectory(folder.path(), settings).log(line(1)); }
  save_safetensors(checkpoint_file(folder.path()), {.tensors = {}, .metadata = {{"metrics_bytes", "11"}}});
  RunDirectory run(folder.path(), settings, {.resume = true});
  EXPECT_TRUE(run.load_checkpoint().has_value());
  run.log(line(2));
  run.save_checkpoint({});
  EXPECT_TRUE(run.load_checkpoint().has_value());
}

TEST(RunFolder, RemembersTheTime) {
  const TemporaryFolder folder;
  RunDirectory run(folder.path(), settings);
  EXPECT_EQ(run.seconds_at(10), 0);
  run.log_time(5, 1.5);
  run.log_time(10, 2.5);
  EXPECT_EQ(run.seconds_at(4), 0);
  EXPECT_EQ(run.seconds_at(9), 1.5);
  EXPECT_EQ(run.seconds_at(10), 2.5);
}

std::string shown(bool is_terminal) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "out";
  std::FILE* out = std::fopen(file.c_str(), "w");
  {
    Progress progress("p4cnn", out, is_terminal);
    ProgressState state{.epoch = 1, .epochs = 2, .step = 1, .steps = 4, .loss = 0.5, .accuracy = 0.25};
    progress.step(state, 128);
    state.step = 2;
    progress.epoch(state);
    progress.note("done");
  }
  std::fclose(out);
  return read_file(file);
}

TEST(RunProgress, RewritesOneLineOnATerminalOnly) {
  const std::string plain = shown(false), terminal = shown(true);
  EXPECT_EQ(std::count(plain.begin(), plain.end(), '\n'), 2);
  EXPECT_EQ(plain.find('\r'), std::string::npos);
  EXPECT_TRUE(plain.starts_with("p4cnn  epoch 1/2  step 2/4  loss 0.5000  accuracy 25.00 %")) << plain;
  expect_contains(plain, "images/s");
  expect_contains(plain, " left\n");
  EXPECT_EQ(std::count(terminal.begin(), terminal.end(), '\n'), 1);
  EXPECT_EQ(std::count(terminal.begin(), terminal.end(), '\r'), 3);
  EXPECT_TRUE(terminal.ends_with("done\n"));
}

TEST(RunProgress, Durations) {
  EXPECT_EQ(duration_text(0.4), "0 s");
  EXPECT_EQ(duration_text(59.4), "59 s");
  EXPECT_EQ(duration_text(185), "3 min 05 s");
  EXPECT_EQ(duration_text(7620), "2 h 07 min");
}

TEST(RunTable, AlignsItsColumns) {
  Table table({"model", "x"});
  table.add({"z2cnn", "1,000"});
  table.add({"p4"});
  EXPECT_EQ(table.to_string(), "model       x\n-------------\nz2cnn   1,000\np4\n");
  EXPECT_EQ(with_thousands(24680), "24,680");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(-1234567), "-1,234,567");
}

}  // namespace
}  // namespace orbitgrad::experiments
