// The TensorBoard event file of a run, read back by a reader that checks every frame, and curves for gnuplot.
#include "experiments/event_log.hpp"

#include <cmath>
#include <cstring>

#include "engine/io/crc32.hpp"
#include "experiments/plot.hpp"
#include "experiments/run_directory.hpp"
#include "tests/experiments/program_support.hpp"

namespace orbitgrad::experiments {
namespace {

template <class T>
T number_at(std::string_view bytes, std::size_t place) {
  T value;
  EXPECT_LE(place + sizeof value, bytes.size());
  std::memcpy(&value, bytes.data() + place, sizeof value);
  return value;
}

/// The messages of a TFRecord file whose lengths and checksums are right.
std::vector<std::string> messages_of(const std::string& bytes) {
  std::vector<std::string> messages;
  for (std::size_t place = 0; place < bytes.size();) {
    const auto length = static_cast<std::size_t>(number_at<std::uint64_t>(bytes, place));
    EXPECT_EQ(number_at<std::uint32_t>(bytes, place + 8), masked_crc32c(std::string_view(bytes).substr(place, 8)));
    messages.push_back(bytes.substr(place + 12, length));
    EXPECT_EQ(number_at<std::uint32_t>(bytes, place + 12 + length), masked_crc32c(messages.back()));
    place += 16 + length;
  }
  return messages;
}

TEST(EventLog, ChecksumsAreThoseOfTheStandard) {
  EXPECT_EQ(io::crc32c("123456789"), 0xe3069283U);                // the check value of CRC-32C
  EXPECT_EQ(io::crc32("123456789"), 0xcbf43926U);                 // the check value of CRC-32
  EXPECT_EQ(io::crc32("6789", io::crc32("12345")), 0xcbf43926U);  // of two parts
  EXPECT_EQ(io::crc32c(std::string(32, '\0')), 0x8a9136aaU);      // RFC 3720, B.4
  EXPECT_EQ(io::crc32c(std::string(32, '\xff')), 0x62a8ab43U);    // the same
  EXPECT_EQ(masked_crc32c(std::string(32, '\0')), 0x0fd7fffaU);   // rotated by 15, plus 0xa282ead8
}

TEST(EventLog, AnEventHasTheBytesOfItsMessage) {
  const Record line{
      {"kind", std::string("step")}, {"step", std::int64_t{300}}, {"loss", 0.5}, {"device", std::string("x")}};
  const auto messages = messages_of(event_of(line, 1.0));
  ASSERT_EQ(messages.size(), 1u);
  const std::string value = std::string("\x0a\x09step/loss\x15\0\0\0\x3f", 16);
  EXPECT_EQ(messages[0], std::string("\x09\0\0\0\0\0\0\xf0\x3f\x10\xac\x02\x2a\x12\x0a\x10", 16) + value);
  EXPECT_EQ(event_of({{"loss", 0.5}}, 0), "") << "no step";
  EXPECT_EQ(event_of({{"step", std::int64_t{1}}, {"kind", std::string("x")}}, 0), "") << "no number";
}

TEST(EventLog, FollowsTheMetricsAlsoAfterACut) {
  const TemporaryFolder folder;
  const auto line = [](std::int64_t step) {
    return Record{{"kind", std::string("step")}, {"step", step}, {"loss", 0.5}};
  };
  const auto run = folder.path() / "run";
  const auto events = [&] { return messages_of(read_file(run / "events.out.tfevents.0.orbitgrad")); };
  const Record settings{{"seed", std::int64_t{1}}};
  {
    RunDirectory directory(run, settings);
    directory.log(line(1));
    directory.log(line(2));
    directory.save_checkpoint({});
    directory.log(line(3));  // lost: after the checkpoint
    EXPECT_EQ(events().size(), 4u);
    EXPECT_NE(events()[0].find("brain.Event:2"), std::string::npos);
  }
  RunDirectory directory(run, settings, {.resume = true});
  EXPECT_TRUE(directory.load_checkpoint().has_value());
  directory.log(line(4));
  EXPECT_EQ(events().size(), 4u);
  EXPECT_EQ(events()[3], messages_of(event_of(line(4), number_at<double>(events()[3], 1)))[0]);
  EXPECT_EQ(read_metrics(run).size(), 3u);
}

TEST(Plot, TakesTheFiniteNumbersOfItsKind) {
  std::vector<Record> lines;
  for (std::int64_t i = 1; i <= 3; ++i)
    lines.push_back(
        {{"kind", std::string("epoch")}, {"step", 10 * i}, {"loss", i == 2 ? NAN : 1.0 / static_cast<double>(i)}});
  lines.push_back({{"kind", std::string("result")}, {"step", std::int64_t{30}}, {"loss", 7.0}, {"error", 0.5}});
  EXPECT_EQ(metric_names(lines, "epoch"), std::vector<std::string>{"loss"});
  EXPECT_EQ(metric_names(lines, "result"), (std::vector<std::string>{"loss", "error"}));
  const Curve curve = curve_of("it's", lines, "epoch", "loss");
  ASSERT_EQ(curve.points.size(), 2u);
  EXPECT_EQ(curve.points[1].first, 30);
  const std::string script = gnuplot_script({curve, curve}, "loss", "png", "a'b.png");
  for (const char* part : {"set terminal pngcairo", "set output 'a''b.png'", "$curve1 << END\n10 1\n", "title 'it''s'"})
    expect_contains(script, part);
}

TEST(Plot, AnswersWithoutARunAndWithoutGnuplot) {
  const TemporaryFolder folder;
  const auto failure = [&](const std::vector<std::string>& words, int code, const std::string& part) {
    const ProgramResult result = run_program(words);
    EXPECT_EQ(result.code, code) << part;
    expect_contains(result.error, part);
  };
  failure({"plot", folder.path() / "none"}, 1, "it has no metrics.jsonl");
  write_file_atomically(folder.path() / "metrics.jsonl",
                        "{\"kind\":\"epoch\",\"step\":1,\"loss\":0.5}\n{\"kind\":\"epoch\",\"step\":2,\"lo");
  failure({"plot", folder.path(), "--metric", "los"}, 2, "Did you mean \"loss\"?");
  failure({"plot", folder.path(), "--kind", "step"}, 1, "no line is of the kind step yet");
  const std::string path = std::getenv("PATH");
  setenv("PATH", folder.path().c_str(), 1);  // no gnuplot there
  failure({"plot", folder.path(), "--out", folder.path() / "p"}, 1, "gnuplot cannot be started");
  setenv("PATH", path.c_str(), 1);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "p.svg"));
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    EXPECT_EQ(entry.path().filename().string().find("unfinished"), std::string::npos) << entry.path();
}

}  // namespace
}  // namespace orbitgrad::experiments
