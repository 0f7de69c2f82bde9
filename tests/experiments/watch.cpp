// The program seen from inside: profiles, traces, the search for NaN, limits of memory.
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/observe/peaks.hpp"
#include "tests/experiments/program_support.hpp"

namespace orbitgrad::experiments {
namespace {

/// A variable of the environment while the object lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(Watch, ProfileAndTraceOfATrainingRun) {
  const TemporaryFolder folder;
  const Variable cache("XDG_CACHE_HOME", folder.path() / "cache");
  const std::filesystem::path trace = folder.path() / "trace.json";
  const auto result = run_program(tiny_run(folder.path(), {"--profile", "--trace", trace.string()}));
  ASSERT_EQ(result.code, 0) << result.error;
  for (const std::string part :
       {"GFLOP/s", "group_conv2d", "Adam", "Peaks of this machine", "spent in kernels", "memory peak", "reached by"})
    expect_contains(result.out, part);
  const auto events = nlohmann::json::parse(read_file(trace)).at("traceEvents");
  std::set<std::string> names;
  for (const auto& event : events) names.insert(event.at("name").get<std::string>());
  for (const std::string name : {"training step", "backward", "optimizer step", "group_conv2d", "live memory (cpu)"})
    EXPECT_TRUE(names.contains(name)) << name;
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "cache" / "orbitgrad" / "peaks.txt"));
}

TEST(Watch, WatchingDoesNotChangeTheRun) {
  const TemporaryFolder plain, seen;
  ASSERT_EQ(run_program(tiny_run(plain.path())).code, 0);
  const Variable trace("ORBITGRAD_TRACE", seen.path() / "trace.json"), check("ORBITGRAD_CHECK_FINITE", "1");
  const auto result = run_program(tiny_run(seen.path(), {"--check-finite"}));
  ASSERT_EQ(result.code, 0) << result.error;
  EXPECT_EQ(read_file(plain.path() / "run" / "metrics.jsonl"), read_file(seen.path() / "run" / "metrics.jsonl"));
  EXPECT_NO_THROW(nlohmann::json::parse(read_file(seen.path() / "trace.json")));
}

TEST(Watch, ATraceIsValidWhenTheProgramFails) {
  const TemporaryFolder folder;
  const std::filesystem::path trace = folder.path() / "trace.json";
  const auto result =
      run_program(tiny_run(folder.path(), {"--lr", "1e30", "--trace", trace.string(), "--check-finite"}));
  EXPECT_EQ(result.code, 1);
  expect_contains(result.error, "[check_finite]");
  expect_contains(result.error, "nn::");  // where it was called
  EXPECT_GT(nlohmann::json::parse(read_file(trace)).at("traceEvents").size(), 10u);
}

TEST(Watch, LimitsOfMemoryNameTheLargestTensors) {
  const TemporaryFolder folder;
  const auto result = run_program(tiny_run(folder.path(), {"--memory-limit", "1MiB"}));
  EXPECT_EQ(result.code, 1);
  expect_contains(result.error, "would pass the limit of 1048576");
  expect_contains(result.error, "The largest live tensors:\n  ");
  EXPECT_EQ(run_program(tiny_run(folder.path(), {"--memory-limit", "much"})).code, 2);
}

TEST(Watch, WrongVariablesAreErrors) {
  const TemporaryFolder folder;
  const auto fails = [&](const std::string& part) {
    const auto result = run_program(tiny_run(folder.path()));
    EXPECT_EQ(result.code, 1) << part;
    expect_contains(result.error, part);
  };
  {
    const Variable limit("ORBITGRAD_MEMORY_LIMIT", "4Gb");
    fails("'4Gb' is no number of bytes");
  }
  {
    const Variable check("ORBITGRAD_CHECK_FINITE", "yes");
    fails("ORBITGRAD_CHECK_FINITE is 'yes'");
  }
  {
    const Variable limit("ORBITGRAD_MEMORY_LIMIT", "1MiB");
    fails("would pass the limit of 1048576");
  }
  const Variable trace("ORBITGRAD_TRACE", "/nowhere/trace.json");
  fails("/nowhere/trace.json cannot be written");
}

TEST(Peaks, AreMeasuredOnceAndSurviveABadFile) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "deep" / "peaks.txt";
  const observe::Peaks first = observe::machine_peaks(file);
  EXPECT_GT(first.gigabytes_per_second, 0.1);
  EXPECT_GT(first.gigaflops, 0.1);
  const observe::Peaks again = observe::machine_peaks(file);
  EXPECT_NEAR(again.gigaflops, first.gigaflops, 1e-9 * first.gigaflops);
  EXPECT_NEAR(again.gigabytes_per_second, first.gigabytes_per_second, 1e-9 * first.gigabytes_per_second);
  for (const std::string text : {"nan\tnan\tx\n-1 2\n", "\n\n\t1e999\t1\tcpu"}) {
    std::ofstream(file) << text;
    EXPECT_GT(observe::machine_peaks(file).gigaflops, 0.1) << text;
  }
}

}  // namespace
}  // namespace orbitgrad::experiments
