// The page of results: medians, ratios and differences of losses from samples, and what it refuses.
#include "experiments/bench_report.hpp"

#include <nlohmann/json.hpp>

#include "engine/io/file.hpp"
#include "tests/nn/support.hpp"
#include "tests/places.hpp"

namespace orbitgrad::experiments {
namespace {

using testing_support::expect_error;

nlohmann::json one_case(std::vector<double> ours, std::vector<double> theirs) {
  return {{"network", "mlp"},
          {"batch", 16},
          {"threads", 2},
          {"ours", {{"samples_ms", std::move(ours)}, {"losses", {2.0, 1.0}}}},
          {"theirs", {{"samples_ms", std::move(theirs)}, {"losses", {2.0, 1.002}}}}};
}

std::string page(const nlohmann::json& json) { return bench_report({{"steps.json", json}}); }

TEST(BenchReport, SpreadIsMedianAndExtremes) {
  const Spread odd = spread_of({3, 1, 2}), even = spread_of({4, 1, 2, 3});
  EXPECT_EQ(odd.median, 2);
  EXPECT_EQ(even.median, 2.5);
  EXPECT_EQ(even.low, 1);
  EXPECT_EQ(even.high, 4);
  EXPECT_EQ(even.count, 4);
  expect_error([] { spread_of({}); }, {"[bench-report]", "no samples"});
  expect_error([] { spread_of({1, std::nan("")}); }, {"[bench-report]", "nan"});
  expect_error([] { spread_of({0}); }, {"[bench-report]"});
}

TEST(BenchReport, TabulatesRatiosAndNamesTheSlowerCases) {
  const std::string text =
      page({{"context", {{"machine", "two cores"}}}, {"cases", {one_case({2, 1, 3}, {5, 4, 6}), one_case({2}, {1})}}});
  EXPECT_NE(text.find("* machine: two cores"), text.npos);
  EXPECT_NE(text.find("| mlp | 16 | 2 | 2 (1 to 3) | 5 (4 to 6) | 2.50 | 1.0e-03 |"), text.npos) << text;
  EXPECT_NE(text.find("| **0.50** |"), text.npos);
  EXPECT_NE(text.find("2 cases: 1 at least twice as fast as theirs, 1 slower."), text.npos);
  EXPECT_NE(page({{"benchmarks", {1}}}).find("* steps.json"), std::string::npos);
}

TEST(BenchReport, RefusesDamagedResults) {
  nlohmann::json lacking = one_case({1}, {1}), uneven = one_case({1}, {1});
  lacking["ours"].erase("losses");
  uneven["ours"]["losses"] = {1.0};
  expect_error([&] { page({{"cases", {lacking}}}); }, {"steps.json", "losses"});
  expect_error([&] { page({{"cases", {uneven}}}); }, {"steps.json", "1 losses", "2"});
  expect_error([&] { page({{"cases", {one_case({}, {1})}}}); }, {"steps.json", "no samples"});
  expect_error([&] { page({{"cases", 3}}); }, {"steps.json"});
  expect_error([] { bench_report_of_folder("nowhere"); }, {"nowhere", "no folder"});
}

TEST(BenchReport, LeavesOtherComparisonsToTheirPage) {
  const nlohmann::json groups = {{"cases", {{{"group", "p4"}, {"fields", 8}, {"ours_ms", 1.0}}}}};
  EXPECT_NE(page(groups).find("* steps.json"), std::string::npos);
}

TEST(BenchReport, TheCommittedPageIsThatOfTheCommittedResults) {
  const std::filesystem::path bench = std::filesystem::path(source_folder()) / "bench";
  EXPECT_EQ(bench_report_of_folder(bench / "results"), read_file(bench / "REPORT.md"))
      << "orbitgrad bench-report writes it";
}

}  // namespace
}  // namespace orbitgrad::experiments
