// What is seen from inside: the first NaN, profiles, traces, and live memory.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "engine/autograd/grad.hpp"
#include "engine/observe/finite.hpp"
#include "engine/observe/memory.hpp"
#include "engine/observe/profile.hpp"
#include "engine/observe/trace.hpp"
#include "engine/ops/arithmetic.hpp"
#include "engine/ops/comparison.hpp"
#include "engine/ops/convolution.hpp"
#include "engine/ops/creation.hpp"
#include "engine/ops/elementary.hpp"
#include "engine/ops/matmul.hpp"
#include "engine/ops/normalization.hpp"
#include "engine/ops/reduction.hpp"
#include "engine/ops/shape_ops.hpp"
#include "tests/engine/expect_error.hpp"

namespace orbitgrad {
namespace {

using observe::Profile;

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::int64_t calls_of(const Profile& profile, std::string_view op) {
  for (const auto& totals : profile.ops())
    if (totals.op == op) return totals.calls;
  return 0;
}

/// A file of this process that goes with the object.
struct TemporaryFile {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / fmt::format("orbitgrad_trace_{}.json", ::getpid());
  ~TemporaryFile() { std::filesystem::remove(path); }
  nlohmann::json parsed() const {
    std::ifstream file(path);
    return nlohmann::json::parse(file);
  }
};

TEST(CheckFinite, NamesTheFirstOpTheShapesAndTheCaller) {
  const Tensor x = from_vector<float>({1, -1, 0, 4}, {2, 2});
  const ScopedCheckFinite check;
  const std::string text = message_of([&] { static_cast<void>(sum(log(x) * 2.0)); });
  testing::expect_house_form(text, "'log' gives 1 NaN and 1 infinities among the 4 values of the float32 [2, 2]");
  EXPECT_NE(text.find("in the forward, called by"), std::string::npos) << text;
  EXPECT_NE(text.find("tests/engine/observe.cpp:"), std::string::npos) << text;
  EXPECT_NE(text.find("all finite"), std::string::npos) << text;
}

TEST(CheckFinite, TellsTheForwardOfABackward) {
  Tensor x = from_vector<float>({0, 1}, {2});
  x.set_requires_grad();
  const ScopedCheckFinite check;
  const Tensor y = sqrt(x);  // its derivative is infinite at 0
  const std::string text = message_of([&] { sum(y).backward(); });
  EXPECT_NE(text.find("in the backward of 'sqrt', whose forward was called by"), std::string::npos) << text;
  EXPECT_NE(text.find("tests/engine/observe.cpp:"), std::string::npos) << text;
}

TEST(CheckFinite, LooksAtDerivativesThatRecordNothing) {
  struct Broken final : Node {
    std::string_view name() const override { return "broken"; }
    Saves saves() const override { return Saves::nothing(); }
    std::vector<Tensor> backward(const Tensor& dy) override {
      return {full(dy.shape(), std::numeric_limits<double>::infinity(), dy.dtype(), dy.device())};
    }
  };
  Tensor x = ones({3});
  x.set_requires_grad();
  const Tensor y = record<Broken>(zeros({3}), {&x});
  const ScopedCheckFinite check;
  EXPECT_ERROR(sum(y).backward(), "the derivative of 'broken' gives 0 NaN and 3 infinities");
}

TEST(CheckFinite, LetsMasksPassButNoNaN) {
  const double infinity = std::numeric_limits<double>::infinity();
  const Tensor x = ones({2, 2}), mask = equal(from_vector<float>({0, 1, 1, 0}, {2, 2}), ones({2, 2}));
  const Tensor low = full({}, -infinity);
  const Tensor nan = full({2}, std::numeric_limits<double>::quiet_NaN());
  const ScopedCheckFinite check;
  EXPECT_EQ(softmax(where(mask, x, low), 1).to_vector<float>(), (std::vector<float>{0, 1, 1, 0}));
  EXPECT_ERROR(nan + 1.0, "input 0 already has 2 NaN");
  EXPECT_NO_THROW(reshape(nan, {1, 2}));
}

TEST(CheckFinite, IsOffOtherwise) {
  EXPECT_FALSE(observe::is_watched(observe::checking_finite));
  EXPECT_NO_THROW(log(full({1}, -1)));
}

TEST(Profile, CountsLaunchesAndCosts) {
  const Tensor a = ones({8, 4}), b = ones({4, 16});
  const Profile profile;
  const Tensor c = matmul(a, b);
  static_cast<void>(c + c);
  static_cast<void>(c + c);
  EXPECT_EQ(calls_of(profile, "matmul"), 1);
  EXPECT_EQ(calls_of(profile, "add"), 2);
  for (const auto& totals : profile.ops()) {
    if (totals.op == "matmul") {
      EXPECT_EQ(totals.flops, 2.0 * 8 * 4 * 16);
      EXPECT_EQ(totals.bytes, 4.0 * (8 * 4 + 4 * 16 + 8 * 16));
    }
    if (totals.op == "add") {
      EXPECT_EQ(totals.flops, 2.0 * 8 * 16);
      EXPECT_EQ(totals.bytes, 2 * 4.0 * 3 * 8 * 16);
    }
    EXPECT_GT(totals.seconds, 0);
  }
  const std::string table = profile.to_string({.gigabytes_per_second = 10, .gigaflops = 100});
  EXPECT_NE(table.find("matmul"), std::string::npos) << table;
  EXPECT_NE(table.find(" %"), std::string::npos) << table;
}

TEST(Profile, OnlyTheAskedForGradientsAreComputed) {
  Tensor x = ones({2, 3, 8, 8}), w = ones({4, 3, 3, 3});
  x.set_requires_grad();
  w.set_requires_grad();
  const auto launches = [&](const std::vector<Tensor>& asked) {
    const Tensor y = conv2d(x, w);
    const Profile profile;
    grad({sum(y)}, asked);
    return std::pair(calls_of(profile, "conv2d_input_gradient"), calls_of(profile, "conv2d_filter_gradient"));
  };
  EXPECT_EQ(launches({x}), std::pair(std::int64_t{1}, std::int64_t{0}));
  EXPECT_EQ(launches({w}), std::pair(std::int64_t{0}, std::int64_t{1}));
  EXPECT_EQ(launches({x, w}), std::pair(std::int64_t{1}, std::int64_t{1}));
}

TEST(Trace, HasOpsWithShapesKernelsInThemAndThreads) {
  const TemporaryFile file;
  start_trace(file.path);
  {
    const TraceScope scope("a \"quoted\" scope");
    Tensor x = ones({4, 8});
    x.set_requires_grad();
    const Tensor y = matmul(x, ones({8, 2}));
    sum(y).backward();
  }
  std::thread([] { static_cast<void>(ones({3}) + ones({3})); }).join();
  stop_trace();
  EXPECT_FALSE(observe::is_watched(observe::tracing));
  std::map<std::string, nlohmann::json> by_name;
  std::set<int> threads;
  const nlohmann::json trace = file.parsed();
  for (const auto& event : trace.at("traceEvents")) {
    by_name.try_emplace(event.at("name"), event);
    if (event.at("ph") == "X") threads.insert(event.at("tid").get<int>());
  }
  EXPECT_EQ(threads.size(), 2u);
  ASSERT_TRUE(by_name.contains("matmul") && by_name.contains("gemm") && by_name.contains("a \"quoted\" scope"));
  const auto& op = by_name["matmul"];
  const auto& kernel = by_name["gemm"];
  EXPECT_EQ(op.at("args").at("in"), "[4, 8] [8, 2]");
  EXPECT_EQ(op.at("args").at("out"), "float32 [4, 2]");
  const auto inside = [](const nlohmann::json& a, const nlohmann::json& b) {
    return a["ts"].get<double>() >= b["ts"].get<double>() - 1e-3 &&
           a["ts"].get<double>() + a["dur"].get<double>() <= b["ts"].get<double>() + b["dur"].get<double>() + 2e-3;
  };
  EXPECT_TRUE(inside(kernel, op)) << kernel << op;
  EXPECT_TRUE(inside(op, by_name["a \"quoted\" scope"]));
  EXPECT_TRUE(by_name.contains("backward of matmul"));
  const std::string counter = fmt::format("live memory ({})", name(default_device()));
  EXPECT_TRUE(by_name.contains(counter));
}

TEST(Trace, IsValidWheneverTheProcessIsKilled) {
  if (default_device() != DeviceKind::cpu) GTEST_SKIP() << "once is enough";
  const TemporaryFile file;
  for (int round = 0; round < 20; ++round) {
    int traced[2];  // says that some ops were traced
    ASSERT_EQ(::pipe(traced), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {  // a single thread after fork, and kernels too small for a parallel region
      ::alarm(20);
      start_trace(file.path);
      for (int i = 0;; ++i) {
        static_cast<void>(ones({3}) + ones({3}));
        if (i == 200) static_cast<void>(::write(traced[1], "", 1) == 1);
      }
    }
    ::close(traced[1]);
    char byte = 0;
    EXPECT_EQ(::read(traced[0], &byte, 1), 1);
    ::close(traced[0]);
    std::this_thread::sleep_for(std::chrono::microseconds(137 * round));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    nlohmann::json trace;
    ASSERT_NO_THROW(trace = file.parsed()) << "round " << round;
    EXPECT_GT(trace.at("traceEvents").size(), 200u);
  }
}

TEST(Trace, TakesEventsOfAnyLength) {
  const TemporaryFile file;
  start_trace(file.path);
  const std::vector<std::size_t> lengths = {1, 3900, 4050, 10, 4096, 4097, 50000, 3, 8000, 1};
  for (const std::size_t length : lengths) const TraceScope scope(std::string(length, 'x'));
  stop_trace();
  const nlohmann::json trace = file.parsed();
  std::vector<std::size_t> found;
  for (const auto& event : trace.at("traceEvents"))
    if (event.value("cat", "") == "scope") found.push_back(event.at("name").get<std::string>().size());
  EXPECT_EQ(found, lengths);
}

TEST(Trace, FilesThatCannotBeWrittenAreErrors) {
  EXPECT_ERROR(start_trace("/nowhere/at/all.json"), "cannot be written");
  EXPECT_FALSE(observe::is_watched(observe::tracing));
}

TEST(Memory, ListsTheLargestTensorsWithTheirOps) {
  const Tensor a = ones({128, 512}), b = a * 2.0, c = sum(b, {1});
  const auto list = observe::largest_live_tensors(2);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].shape, Shape({128, 512}));
  EXPECT_EQ(list[0].bytes, 128 * 512 * 4);
  EXPECT_TRUE(list[0].op == "multiply" || list[1].op == "multiply") << list[0].op << " " << list[1].op;
}

TEST(Memory, LimitsAreErrorsThatListWhatIsLive) {
  const Tensor a = ones({256, 256}), b = a * 2.0;
  observe::set_memory_limit(std::int64_t{64} << 20);
  const std::string text = message_of([] { static_cast<void>(zeros({1024, 1024, 32})); });
  observe::set_memory_limit(0);
  testing::expect_house_form(text, "67108864");
  for (const std::string part : {"It was for a float32 [1024, 1024, 32]", "256.0 KiB float32 [256, 256] by multiply"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  EXPECT_NO_THROW(zeros({1024, 1024}));
}

TEST(Memory, PeaksHaveOwners) {
  const observe::MemoryWatch watch;
  EXPECT_ERROR(observe::MemoryWatch(), "one at a time");
  for (int i = 0; i < 3; ++i) {
    const Tensor a = ones({64, 1024});
    const Tensor b = exp(a);
  }
  { const Tensor c = matmul(ones({512, 8}), ones({8, 1024})); }
  const auto peaks = watch.peaks();
  ASSERT_GE(peaks.size(), 2u) << watch.to_string();
  EXPECT_EQ(peaks[0].owner.op, "matmul") << watch.to_string();
  EXPECT_GE(peaks[0].bytes, 512 * 1024 * 4);
  EXPECT_EQ(peaks[1].owner.op, "exp");
  EXPECT_EQ(peaks[1].occasions, 3);
  EXPECT_NE(watch.to_string().find("[512, 1024] by matmul"), std::string::npos) << watch.to_string();
}

TEST(Memory, CrumbsOwnNoPeak) {
  const observe::MemoryWatch watch;
  { const Tensor a = ones({512, 1024}), b = exp(a), c = sum(b); }
  {
    std::vector<Tensor> many(600);
    for (Tensor& x : many) x = zeros({16, 1024});
  }
  EXPECT_EQ(watch.peaks().at(1).owner.op, "exp") << watch.to_string();
  EXPECT_EQ(watch.peaks().at(0).owner.shape, Shape({16, 1024})) << watch.to_string();
}

TEST(Memory, TheFirstTensorOwnsNoPeakOfLargerOnes) {
  const Tensor weights = zeros({1024, 1024});
  const observe::MemoryWatch watch;
  { const Tensor a = ones({}), b = ones({64, 64}), c = sum(b); }
  EXPECT_EQ(watch.peaks().at(0).owner.shape, Shape({64, 64})) << watch.to_string();
}

TEST(Memory, BytesAreRead) {
  EXPECT_EQ(observe::parse_bytes("4GiB"), std::int64_t{4} << 30);
  EXPECT_EQ(observe::parse_bytes("1.5 MB"), 1500000);
  EXPECT_EQ(observe::parse_bytes("17"), 17);
  for (const std::string wrong : {"", "GiB", "4Gib", "-1", "1e30", "nan", "inf", "4GiB!", " 4"})
    EXPECT_ERROR(observe::parse_bytes(wrong), "is no number of bytes");
}

TEST(Memory, NobodyWatchesOnceAllIsClaimed) {
  const Tensor a = ones({256, 256}), written_on_the_host = from_vector(std::vector<float>(65536), {256, 256});
  for (int i = 0; i < 40; ++i) static_cast<void>(a + a);
  EXPECT_FALSE(observe::is_watched()) << observe::watchers.load();
}

}  // namespace
}  // namespace orbitgrad
