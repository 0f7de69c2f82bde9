#include "experiments/bench_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/error.hpp"
#include "engine/io/file.hpp"

namespace orbitgrad::experiments {

namespace {

constexpr std::string_view op = "bench-report";

struct Case {
  std::string network;
  std::int64_t batch = 0, threads = 0;
  Spread ours, theirs;
  double loss_difference = 0;  // largest, relative to 1 + |loss|

  double ratio() const { return theirs.median / ours.median; }
};

double largest_difference(const std::vector<double>& ours, const std::vector<double>& theirs) {
  require(!ours.empty() && ours.size() == theirs.size(), op,
          "{} losses of ours stand beside {} of theirs. Compare as many steps.", ours.size(), theirs.size());
  double largest = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const double difference = std::abs(ours[i] - theirs[i]) / (1 + std::abs(theirs[i]));
    if (!(difference <= largest)) largest = difference;  // NaN too
  }
  return largest;
}

Case case_of(const nlohmann::json& entry) {
  const auto samples = [&](const char* side) {
    return spread_of(entry.at(side).at("samples_ms").get<std::vector<double>>());
  };
  const auto losses = [&](const char* side) { return entry.at(side).at("losses").get<std::vector<double>>(); };
  return {.network = entry.at("network"),
          .batch = entry.at("batch"),
          .threads = entry.at("threads"),
          .ours = samples("ours"),
          .theirs = samples("theirs"),
          .loss_difference = largest_difference(losses("ours"), losses("theirs"))};
}

std::string milliseconds(const Spread& spread) {
  return fmt::format("{:.3g} ({:.3g} to {:.3g})", spread.median, spread.low, spread.high);
}

std::string table_of(const std::vector<Case>& cases) {
  std::string text =
      "| network | batch | threads | ours, ms | theirs, ms | ratio | losses differ by |\n"
      "| --- | --- | --- | --- | --- | --- | --- |\n";
  for (const Case& c : cases) {
    const std::string ratio = c.ratio() < 1 ? fmt::format("**{:.2f}**", c.ratio()) : fmt::format("{:.2f}", c.ratio());
    text += fmt::format("| {} | {} | {} | {} | {} | {} | {:.1e} |\n", c.network, c.batch, c.threads,
                        milliseconds(c.ours), milliseconds(c.theirs), ratio, c.loss_difference);
  }
  return text;
}

std::string section_of(const std::string& file, const nlohmann::json& json) {
  std::string text = fmt::format("\n## {}\n\n", file);
  const auto context = json.value("context", nlohmann::json::object());
  for (const auto& [key, value] : context.items())
    text += fmt::format("* {}: {}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  std::vector<Case> cases;
  for (const nlohmann::json& entry : json.at("cases")) cases.push_back(case_of(entry));
  text += "\n" + table_of(cases);
  const auto slower = std::ranges::count_if(cases, [](const Case& c) { return c.ratio() < 1; });
  const auto twice = std::ranges::count_if(cases, [](const Case& c) { return c.ratio() >= 2; });
  text += fmt::format("\n{} cases: {} at least twice as fast as theirs, {} slower.\n", cases.size(), twice, slower);
  return text;
}

/// Cases of bench/compare_steps; those of bench/compare_group_convolution have a group.
bool holds_steps(const nlohmann::json& json) {
  if (!json.is_object() || !json.contains("cases")) return false;
  const nlohmann::json& cases = json["cases"];
  return !cases.is_array() || std::ranges::none_of(cases, [](const auto& entry) { return entry.contains("group"); });
}

}  // namespace

Spread spread_of(std::vector<double> samples) {
  require(!samples.empty(), op, "a case has no samples. Measure it again.");
  for (const double sample : samples)
    require(std::isfinite(sample) && sample > 0, op, "a sample is {} ms. Measure it again.", sample);
  std::ranges::sort(samples);
  const std::size_t half = samples.size() / 2;
  const double median = samples.size() % 2 == 1 ? samples[half] : (samples[half - 1] + samples[half]) / 2;
  return {median, samples.front(), samples.back(), static_cast<std::int64_t>(samples.size())};
}

std::string bench_report(const std::vector<std::pair<std::string, nlohmann::json>>& files) {
  std::string text =
      "# Training steps beside another library\n\n"
      "Made by `orbitgrad bench-report` from the JSON files of `bench/results`. Times are medians with the lowest and "
      "the\n"
      "highest sample; ratio is their time divided by ours, **bold** where we are slower; losses: the largest "
      "difference\n"
      "over the first steps, divided by 1 + |loss|.\n";
  std::string others;
  for (const auto& [name, json] : files) {
    try {
      if (holds_steps(json))
        text += section_of(name, json);
      else
        others += fmt::format("* {}\n", name);
    } catch (const nlohmann::json::exception& error) {
      fail(op, "{} is not what bench/compare_steps writes: {}. Measure it again.", name, error.what());
    } catch (const Error& error) {
      fail(op, "{}: {}", name, error.what());
    }
  }
  if (!others.empty()) text += "\n## Other results\n\nTheir tables stand in docs/benchmarks.md.\n\n" + others;
  return text;
}

std::string bench_report_of_folder(const std::filesystem::path& folder) {
  require(std::filesystem::is_directory(folder), op, "{} is no folder. Give one with JSON files.", folder.string());
  std::vector<std::pair<std::string, nlohmann::json>> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    auto json = nlohmann::json::parse(read_file(entry.path()), nullptr, false);
    require(!json.is_discarded(), op, "{} is no JSON. Measure it again.", entry.path().string());
    files.emplace_back(entry.path().filename().string(), std::move(json));
  }
  require(!files.empty(), op, "{} holds no JSON file. Measure first: bench/compare_steps.", folder.string());
  std::ranges::sort(files, {}, [](const auto& file) { return file.first; });
  return bench_report(files);
}

}  // namespace orbitgrad::experiments
