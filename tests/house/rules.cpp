#include "tests/house/rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <regex>

namespace orbitgrad::house {
namespace {

constexpr int longest_file = 400;

struct Floor {
  std::string_view folder;
  int height;
};
constexpr Floor floors[] = {{"kernels", 0}, {"groups", 0},      {"engine", 1}, {"nn", 2},
                            {"models", 3},  {"experiments", 4}, {"tests", 5},  {"bench", 5}};

std::string_view folder_of(std::string_view path) { return path.substr(0, path.find('/')); }

/// The floor a path starts with; none for a file that stands in no floor.
std::optional<Floor> floor_of(std::string_view path) {
  if (path.find('/') == std::string_view::npos) return std::nullopt;
  const auto found = std::ranges::find(floors, folder_of(path), &Floor::folder);
  return found == std::end(floors) ? std::nullopt : std::optional<Floor>(*found);
}

bool is_header(std::string_view path) { return path.ends_with(".hpp") || path.ends_with(".cuh"); }

bool is_library(std::string_view path) {
  const auto floor = floor_of(path);
  return floor && floor->height < 5 && path != "experiments/main.cpp";
}

bool may_know_cuda(std::string_view path) {
  if (path.starts_with("kernels/")) return path.ends_with(".cu") || path.starts_with("kernels/cuda/");
  if (path.starts_with("bench/device/")) return path.ends_with(".cpp");  // events, and the libraries as opponents
  return path.starts_with("engine/device") && path.find('/', 7) == std::string_view::npos && path.ends_with(".cpp");
}

bool is_cuda_header(const std::string& header) {
  static const std::regex pattern(
      R"((cuda|cublas|cudnn|cufft|curand|cusolver|cusparse|nvrtc|nvml|nccl|mma\.h|vector_types|device_)\S*|cuda/.*|nvtx.*)");
  return std::regex_match(header, pattern);
}

bool is_banned_cuda_header(std::string_view header) {
  return header.starts_with("cub/") || header.starts_with("thrust/") || header.starts_with("cooperative_groups");
}

/// What is wrong with including `header` from `path`; empty when nothing is.
std::string include_violation(std::string_view path, const std::string& header, bool quoted) {
  if (is_banned_cuda_header(header))
    return "CUB, Thrust and cooperative groups do not compile on the host. Use our own.";
  if (is_cuda_header(header) && !may_know_cuda(path))
    return fmt::format(
        "CUDA header <{}>. Only kernels/**/*.cu, kernels/cuda/, engine/device*.cpp and bench/device/*.cpp may.",
        header);
  const auto from = floor_of(path), to = floor_of(header);
  if (!to) return quoted && header != "orbitgrad.hpp" ? fmt::format("\"{}\" is not relative to the root.", header) : "";
  if (!from || from->folder == to->folder || to->height < from->height) return "";
  return fmt::format("{} includes {}. Includes point down: kernels, groups < engine < nn < models < experiments.",
                     from->folder, header);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

std::vector<std::string> violations(std::string_view path, std::string_view text) {
  static const std::regex include(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"].*)");
  static const std::regex unfinished(std::string(R"(\b()") +
                                     "TO"
                                     "DO|FIX"
                                     "ME|XX"
                                     "X" +
                                     R"()\b)");
  static const std::regex ends_process(R"((^|[^\w.>])(exit|_exit|_Exit|quick_exit|abort|terminate)\s*\()");
  std::vector<std::string> found;
  const auto report = [&](std::size_t line, std::string_view what) {
    found.push_back(fmt::format("{}:{}: {}", path, line, what));
  };

  const auto lines = lines_of(text);
  bool has_guard = false;
  for (std::size_t index = 0; index < lines.size(); ++index) {
    const std::string line(lines[index]);
    const std::string code = line.substr(0, line.find("//"));
    std::smatch match;
    if (std::regex_match(line, match, include)) {
      const auto what = include_violation(path, match[2].str(), match[1].str() == "\"");
      if (!what.empty()) report(index + 1, what);
    }
    if (std::regex_search(line, unfinished)) report(index + 1, "unfinished work. Do it, or leave it out.");
    if (is_library(path) && std::regex_search(code, ends_process))
      report(index + 1, "the library never ends the process. Throw orbitgrad::Error.");
    has_guard = has_guard || line == "#pragma once";
  }
  if (lines.size() > longest_file)
    report(lines.size(), fmt::format("{} lines, more than {}. Divide the file.", lines.size(), longest_file));
  if (is_header(path)) {
    if (!has_guard) report(1, "no #pragma once.");
    if (lines.empty() || !lines[0].starts_with("//")) report(1, "a header opens with a comment: what it is.");
  }
  return found;
}

}  // namespace orbitgrad::house
