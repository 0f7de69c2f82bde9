// The page bench/REPORT.md from measured results: training steps beside those of another library.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace orbitgrad::experiments {

/// Median, extremes and number of samples. Error: none, or one that is no positive finite number.
struct Spread {
  double median = 0, low = 0, high = 0;
  std::int64_t count = 0;
};
Spread spread_of(std::vector<double> samples);

/// A page with a table for each file that holds "cases", as bench/compare_steps writes them: network, batch, threads,
/// and for "ours" and "theirs" the samples in milliseconds and the losses of the first steps. Files of other programs
/// are named at the end. Error, naming the file: it is no JSON, or a case lacks a part.
std::string bench_report(const std::vector<std::pair<std::string, nlohmann::json>>& files);

/// Of all JSON files of a folder, by name. Error: there is none.
std::string bench_report_of_folder(const std::filesystem::path& folder);

}  // namespace orbitgrad::experiments
